"""What an author uses.

`build`         text -> executed solutions -> release; `install_cell` adds the cell for Colab and Kaggle
`prove`         `course prove`: does a check reject every change of its reference?
`stages`        the stages of `course test`; `nbval_guard` is what nbval lets pass
`site`          the documentation site
"""
