"""The course inside nbgrader: reading, normalising, running and scoring a submission.

nbgrader calls these through its own lists (`nbgrader_config.py`), so `nbgrader autograde`, the formgrader's button and
`course grade` are one path.
"""
