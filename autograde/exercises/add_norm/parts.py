"""Lesson 5: parts of the points, and a tolerance, that several exercises have."""

LEADING, EPS, GRADIENTS, DROPOUT = "leading axes", "eps", "gradients", "dropout"

# Of eps = 1e-5 these calls want to know nothing: where it stands is asked in calls of their own, with a large eps.
WITHOUT_EPS = 1e-4
