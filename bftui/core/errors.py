"""The one error tree: what failed, why, what to do, and the exit code of the command line.

Errors cross the worker's pipe by pickling, so every class keeps the three plain arguments of its base.
"""

from __future__ import annotations


class BftuiError(Exception):
    """A failure that a person can act on.

    Attributes:
        message: what failed.
        reason: why, or "" where the message says it all.
        hint: what to do about it, or "".
        exit_code: the status that the command line ends with.
    """

    exit_code = 1

    def __init__(self, message: str, reason: str = "", hint: str = "") -> None:
        super().__init__(message, reason, hint)
        self.message = message
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return self.line()

    def line(self) -> str:
        """Everything in exactly one line: what failed, why, what to do."""
        message, reason, hint = (
            " ".join(part.split()) for part in (self.message, self.reason, self.hint)
        )
        return message + (f": {reason}" if reason else "") + (f"; {hint}" if hint else "")


class UsageError(BftuiError):
    """Options or arguments that do not go together."""

    exit_code = 2


class NotEnumerable(UsageError):
    """A set of texts that cannot be written out one by one."""


class ModelError(BftuiError):
    """A model cannot be loaded or run."""

    exit_code = 3


class MissingDependency(ModelError):
    """A backend whose library is not installed."""


class ModelLoadError(ModelError):
    """A file that is missing, broken, or more than the memory holds."""


class UnsupportedModel(ModelError):
    """A sound file of a kind that has no next-token distribution here."""


class ContextFull(ModelError):
    """A path longer than the context."""


class Displaced(ContextFull):
    """Continuations whose cache was given to other work; evaluated again they give the same numbers."""


class InvalidToken(ModelError):
    """A token id outside the vocabulary."""


class NothingLeft(UsageError):
    """Bans or a constraint that leave no token to draw."""


class NonFiniteLogits(ModelError):
    """Logits that are not a distribution: NaN, +inf, or all -inf."""


class CapabilityError(ModelError):
    """An operation that this backend cannot do."""


class TemplateError(ModelError):
    """A model's chat template that refuses what it is given, fails, or does not end."""


class LostText(TemplateError):
    """Words of a person that do not come out of a model's chat template: the message names them."""

    exit_code = 4


class Unwritable(ModelError):
    """Text that a model's vocabulary has no tokens for."""


class BackendCrashed(ModelError):
    """The worker process ended by itself; the reason carries its last log lines."""


class InputError(BftuiError):
    """A trace, prompts or actions file that cannot be used."""

    exit_code = 4


class DifferenceFound(BftuiError):
    """`check` or `diff` found a difference."""

    exit_code = 5


class Cancelled(BftuiError):
    """Work stopped on request; what was finished stays."""

    exit_code = 130
