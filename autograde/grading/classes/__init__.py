"""All that is parallel: the schedule of a class, its workers, Dask, progress."""
