"""What ends a training run for a reason that a person can mend."""


class TrainingError(Exception):
    """One sentence that says what happened and what to change; shown without a traceback by the commands and in a
    notebook."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class WrongArgument(TrainingError, TypeError):
    """An argument of another type than a function takes."""


class Stopped(TrainingError):
    """The person stopped the run, and it was saved."""
