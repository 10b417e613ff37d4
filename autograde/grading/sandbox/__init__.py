"""Where submissions run: a warm process that knows no secret, and an isolated child of it for each submission.

`warm`       the trusted side: starts the warm process, asks for children, talks to them
`view`       what the warm process sees of the machine
`staging`    the folder that the warm process sees in place of the course
`frames`     messages of limited length
`main`       the warm process
`session`    a child of it: runs cells and answers calls, beside the learner's code
`isolation`  namespaces, mounts, limits, Landlock, seccomp
`selftest`   which of these hold on this machine
"""
