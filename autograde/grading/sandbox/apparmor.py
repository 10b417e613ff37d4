"""Ubuntu from 24.04 on lets a program of an ordinary user have namespaces only if an AppArmor profile allows it.

`python -m autograde.grading.sandbox.apparmor` prints the profile for the Python that runs it. Once the profile is
loaded, submissions run in the grader's own namespaces there, and nobody needs a container engine.
"""

from __future__ import annotations

import sys
from pathlib import Path

NAME = "transformer-grader"
_SWITCH = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_PROFILE = """# {program} may make user namespaces, in which the grader isolates submissions.
# Nothing else is changed for it.
abi <abi/4.0>,
include <tunables/global>

profile {name} "{program}" flags=(unconfined) {{
  userns,

  include if exists <local/{name}>
}}
"""
REMEDY = (
    "Ubuntu keeps user namespaces from Python. Allow them, once, with a profile for this Python only:\n"
    f"{'':<7}{{python}} -m autograde.grading.sandbox.apparmor | sudo tee /etc/apparmor.d/{NAME}\n"
    f"{'':<7}sudo apparmor_parser --replace /etc/apparmor.d/{NAME}\n"
    f"{'':<7}Every script that {{program}} runs may then make them. Or install Podman, which needs no profile."
)


def restricted() -> bool:
    """Whether this system keeps user namespaces from programs without a profile."""
    try:
        return _SWITCH.read_text().strip() == "1"
    except OSError:
        return False


def program() -> Path:
    """The file that runs; AppArmor knows a program by it, and not by the link in an environment."""
    return Path(sys.executable).resolve()


def profile() -> str:
    """The profile, as a file of /etc/apparmor.d; ValueError where the path cannot be in one."""
    path = str(program())
    if not path.isprintable() or set(path) & set('"\\@{}[]*?^,'):
        raise ValueError(f"AppArmor would read {path} as a pattern. Use a Python whose path has letters, - and . only.")
    return _PROFILE.format(program=path, name=NAME)


def remedy() -> str:
    """What to do where namespaces are restricted, for whoever grades."""
    return REMEDY.format(python=sys.executable, program=program())


if __name__ == "__main__":
    print(profile(), end="")
