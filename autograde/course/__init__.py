"""The ground: lessons, paths, notebooks, files, errors. Imports nothing else of this package."""
