"""All that lasts: the class's folder, submissions, seeds, fingerprints, results, the gradebook."""
