"""The processes in the sandbox.

`main`       the warm process: imports what notebooks need, isolates itself, forks a child for each submission
`session`    a child: runs cells and answers calls, beside the learner's code
`shell`      IPython's cells without a kernel
`frames`     messages of limited length between the grader and these processes
`isolation`  namespaces, mounts, limits; with `backends`, `landlock`, `linux`, `resources`, `seccomp`, `syscalls`
"""
