"""Where submissions run: a warm process that knows no secret, and an isolated child of it for each submission.

`warm`        starts the warm process and asks it for children
`isolation`   the backends behind one interface: namespaces, bubblewrap, Podman, Docker
`containers`  one container for each submission
`cgroups`     a control group for each submission, where there can be one
`apparmor`    the profile that Ubuntu wants for namespaces
`view`        what the warm process sees of the machine
`rootfs`      the folder that it sees in place of the course
`absent`      what a submission finds in place of the trainer
`child`       one submission's process: cells, calls, checkpoints
`driver`      a submission from its first cell to its last
`selftest`    which promises hold on this machine

The other side of the connection is `autograde.harness.sandboxed`.
"""
