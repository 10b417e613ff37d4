"""The names of the means of isolation, in the order in which they are tried."""

from __future__ import annotations

NAMESPACES, BWRAP, PODMAN, DOCKER = "namespaces", "bubblewrap", "podman", "docker"
CONTAINERS = (PODMAN, DOCKER)
MEANS = (NAMESPACES, BWRAP, *CONTAINERS)
ALONE = (BWRAP, *CONTAINERS)  # with these a warm process is for one submission, and ends with it
