"""Lesson 2: how exactly the encoding is compared."""

# The encoding takes whole numbers, so no float error can be measured by moving its inputs. Its own error: an angle of a
# few thousand, rounded to float64, is off by 1e-12, and so are its sine and cosine. The nearest mistake is off by 1e-4.
EXACT = 1e-9
