"""What a drill is: a fault is planted in a copy, what a night runs meets it and alerts people, and what came of it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from assay.config import Model
from assay.errors import AssayError, ConfigError
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from jobs.common import model_of


@dataclass(frozen=True)
class Wish:
    """What the command asked for, in a lakehouse that was copied."""

    lakehouse: Lakehouse
    """The copy."""
    as_of: datetime
    """The newest complete night: the one that the fault comes into."""
    source: str | None = None
    model: str | None = None
    input: str | None = None

    def one_model(self) -> Model:
        """The model that was asked for, or the only one; ConfigError where there are several, or none."""
        models = self.lakehouse.config.models
        if self.model is None and len(models) != 1:
            raise ConfigError(
                "Which model?" if models else "This lakehouse has no model.",
                where="--model",
                expected=", ".join(models),
            )
        return model_of(self.lakehouse, self.model or next(iter(models)))


@dataclass
class Rehearsal:
    """What a drill did and what came of it."""

    planted: str
    """What was done to the copy, in a sentence."""
    held: bool = False
    """The fault was noticed, and did no harm."""
    found: list[str] = field(default_factory=list)
    """What came of it, a sentence each."""
    practise: tuple[str, ...] = ()
    """Commands of `assay` by which one goes on in the copy."""
    outcomes: list[Outcome] = field(default_factory=list)
    error: AssayError | None = None
    """What the fault ended something with."""

    def attempt(self, *work: Callable[[], Sequence[Outcome]]) -> None:
        """Do something that the fault may end, one after the other."""
        try:
            for each in work:
                self.outcomes += each()
        except AssayError as error:
            self.error = error
            self.found.append(f"stopped with exit code {error.exit_code}: {error.what}")


Fault = Callable[[Wish], Rehearsal]
"""Plants a fault in a copy and has it met by what a night runs."""
