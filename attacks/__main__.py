"""Try the whole collection and print a table: tried, deserved, got, and what happened that must not."""

from __future__ import annotations

import argparse
import sys

from attacks.canaries import Canaries
from attacks.collecting import attempt_collecting
from attacks.collection import load
from attacks.trying import Outcome, attempt, attempt_control
from autograde.course.lessons import GRADED
from autograde.grading.grade import grade


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m attacks", description=__doc__)
    parser.add_argument("names", nargs="*", help="only attacks whose names contain one of these")
    parser.add_argument(
        "--all-lessons", action="store_true", help="every attack against every lesson (hours on 2 cores)"
    )
    args = parser.parse_args()
    attacks = [one for one in load() if not args.names or any(name in one.name for name in args.names)]
    outcomes: list[Outcome] = []
    width = max((len(one.name) for one in attacks), default=0)
    print(f"{'':<8}{'tried':<{width}}  lesson            deserved    got  seconds")
    with Canaries() as canaries:
        for attack in attacks:
            if attack.source:
                outcomes.append(attempt_collecting(attack))
                _show(outcomes[-1], width)
                continue
            fixed = not args.all_lessons or attack.release or attack.exercise
            for lesson in [""] if fixed else [one.name for one in GRADED]:
                tried = attempt([attack], grade, canaries, lesson)
                attempt_control(tried, grade, canaries)
                outcomes += tried
                _show(tried[0], width)
    bad = [one for one in outcomes if one.problems]
    undeserved = sum(max(0.0, one.got - one.deserved) for one in outcomes if not one.attack.honest)
    lost = sum(max(0.0, one.deserved - one.got) for one in outcomes if one.attack.honest)
    print(
        f"\n{len(outcomes)} submissions: {undeserved:g} undeserved points, {lost:g} points lost by honest ones, "
        f"{len(bad)} with a problem."
    )
    return 1 if bad else 0


def _show(one: Outcome, width: int) -> None:
    kind = "honest" if one.attack.honest else "hostile"
    row = f"{kind:<8}{one.attack.name:<{width}}  {one.lesson:<16}  {one.deserved:8g} {one.got:6g} {one.seconds:8.2f}"
    print(row, *(f"    {problem}" for problem in one.problems), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
