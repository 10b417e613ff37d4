# %% [markdown]
# # 3 · Single-head attention
#
# draft

# %%
import numpy as np

from autograde import check

# %% [markdown]
# ### Exercise 3.1 · `softmax`
# <!-- facts: softmax -->
# *scores become shares* · core · 3 points · about 8 minutes
# <!-- end -->
#
# text
#
# <!-- hints: softmax -->
# <details>
# <summary>Hint 1</summary>
#
# Subtract the largest score of each row first: the result stays the same, and `exp` no longer overflows. `keepdims=True` keeps the axis, so that the shapes still fit.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Three lines: `shifted = x - x.max(axis=..., keepdims=True)`, then `np.exp`, then divide by its sum along the same axis.
#
# </details>
# <!-- end -->

# %% nbgrader={"grade": false, "grade_id": "softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax(x, axis=-1):
    """Turn scores into shares."""
    ### BEGIN SOLUTION
    shifted = x - np.max(x, axis=axis, keepdims=True)  # the largest exponent is 0: nothing overflows
    exponentials = np.exp(shifted)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_softmax", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("softmax")

# %%
from helpers.figures import heat_map, new, show

figure, axes = new()
heat_map(axes, softmax(np.eye(3)), rows=["나", "dog", "c"], columns=["나", "dog", "c"], title="한글 softmax")
show(figure, alt="A heat map of three by three shares, with tokens on both axes.")
