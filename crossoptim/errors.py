"""One family of errors, one voice: what, where, what was expected.

Every message follows ``<where>: <what> (expected <...>)`` and fits on one line, so that a command line can print it as it stands.
"""

from __future__ import annotations


class CrossoptimError(Exception):
    """Base of every error that crossoptim raises on purpose; the command line turns it into exit code 2."""


class HyperError(CrossoptimError, ValueError):
    """A hyperparameter is unknown, of the wrong type, out of its interval, or breaks a rule's constraint."""


class ArgumentError(HyperError, TypeError):
    """An argument is missing or unknown, or of a type that is none of a hyperparameter."""


class UnsupportedError(HyperError, RuntimeError):
    """A tensor, or a choice of arguments, that an optimizer does not take although another one does."""


class UnknownNameError(CrossoptimError, KeyError):
    """A rule, problem, case, ecosystem or runner of that name does not exist."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        from difflib import get_close_matches

        close = get_close_matches(name, known, n=1, cutoff=0.5)
        many = kind in ("case", "quirk")  # hundreds
        hint = f"did you mean {close[0]!r}?" if close else f"see: crossoptim list {kind}s" if many else f"known: {', '.join(known)}"
        super().__init__(f"{kind} {name!r} does not exist ({hint})")

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0])


class FixtureError(CrossoptimError):
    """A fixture file is missing, truncated, of another schema version, or contradicts its hash, shapes or dtypes."""


class RunnerError(CrossoptimError):
    """A runner broke the protocol: it crashed, hung, printed rubbish, or answered something that is not a trajectory."""


class ProtocolError(RunnerError):
    """The other side speaks another version of the protocol."""


class UnavailableError(CrossoptimError):
    """Something that the machine lacks (R, an R package, rpy2, torch): the message says what to install."""


class DataError(CrossoptimError):
    """A data file is not the one that was expected, or malformed."""


class StateError(CrossoptimError):
    """A state file is missing or damaged, or the state of an optimizer of that class can be neither saved nor loaded."""


class StateMismatchError(StateError):
    """A saved state does not fit the optimizer; ``differences`` lists all that differs. Nothing was changed."""

    def __init__(self, where: str, differences: list[str]) -> None:
        self.differences = tuple(differences)
        super().__init__(f"{where}: {'; '.join(differences)}")
