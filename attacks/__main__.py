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
    attacks = [attack for attack in load() if not args.names or any(name in attack.name for name in args.names)]
    outcomes: list[Outcome] = []
    width = max((len(attack.name) for attack in attacks), default=0)
    print(f"{'':<8}{'tried':<{width}}  lesson            deserved    got  seconds")
    with Canaries() as canaries:
        for attack in attacks:
            if attack.source:
                outcomes.append(attempt_collecting(attack))
                _show(outcomes[-1], width)
                continue
            fixed = not args.all_lessons or attack.release or attack.exercise
            for lesson in [""] if fixed else [lesson.name for lesson in GRADED]:
                tried = attempt([attack], grade, canaries, lesson)
                attempt_control(tried, grade, canaries)
                outcomes += tried
                _show(tried[0], width)
    bad = [outcome for outcome in outcomes if outcome.problems]
    undeserved = sum(max(0.0, outcome.got - outcome.deserved) for outcome in outcomes if not outcome.attack.honest)
    lost = sum(max(0.0, outcome.deserved - outcome.got) for outcome in outcomes if outcome.attack.honest)
    print(
        f"\n{len(outcomes)} submissions: {undeserved:g} undeserved points, {lost:g} points lost by honest ones, "
        f"{len(bad)} with a problem."
    )
    return 1 if bad else 0


def _show(outcome: Outcome, width: int) -> None:
    kind = "honest" if outcome.attack.honest else "hostile"
    row = f"{kind:<8}{outcome.attack.name:<{width}}  {outcome.lesson:<16}  {outcome.deserved:8g} {outcome.got:6g}"
    row += f" {outcome.seconds:8.2f}"
    print(row, *(f"    {problem}" for problem in outcome.problems), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
