"""Where the `course` command begins: Ctrl+C ends it in one line, also while its modules are imported."""

from __future__ import annotations

import sys


def main() -> int:
    """The exit status, as `autograde.cli.main` says."""
    try:
        from autograde import cli

        return cli.main()
    except KeyboardInterrupt:
        print("course: stopped.", file=sys.stderr)
        return 130
