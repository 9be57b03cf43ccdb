"""The stages of a night as a graph: what each needs, in which order they run, and which of them are wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from assay.config import Model
from assay.config.lakehouse import LakehouseFile
from assay.errors import nearest
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome


@dataclass(frozen=True)
class State:
    """Whether a stage would do something for a night, and why."""

    what: Literal["would run", "already complete", "not due"]
    why: str = ""


RUN = State("would run")


@dataclass(frozen=True)
class Stage:
    """One step of a night, declared once."""

    name: str
    run: Callable[..., Sequence[Outcome]]
    """Given the lakehouse, the model where there is one, and the as_of; returns what was done, a run or several."""
    needs: tuple[str, ...] = ()
    """Stages that must have gone well."""
    after: tuple[str, ...] = ()
    """Stages that must have ended, well or not."""
    per_model: bool = False
    """Runs for each model by itself."""
    state: Callable[..., State] = lambda *_: RUN
    """Given the same as `run`: whether there is something to do. Writes nothing."""
    runs: tuple[str, ...] | None = None
    """What its runs are called in the ledger, where not like the stage."""
    limit: timedelta | None = timedelta(hours=2)
    """The longest that a run may take, unless `night.limits` says otherwise; None where it knows itself when to end."""

    @property
    def ledger_names(self) -> tuple[str, ...]:
        """What its runs are called in the ledger."""
        return (self.name,) if self.runs is None else self.runs


@dataclass(frozen=True)
class Task:
    """A stage, and the model that it is run for where it is run for each."""

    stage: Stage
    model: Model | None = None
    needs: tuple["Task", ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.stage.name if self.model is None else f"{self.stage.name} of {self.model.name}"

    def run(self, lakehouse: Lakehouse, as_of: datetime) -> Sequence[Outcome]:
        """Do it."""
        return self.stage.run(*self._given(lakehouse, as_of))

    def state(self, lakehouse: Lakehouse, as_of: datetime) -> State:
        """Whether there is something to do."""
        return self.stage.state(*self._given(lakehouse, as_of))

    def _given(self, lakehouse: Lakehouse, as_of: datetime) -> tuple[Any, ...]:
        return (lakehouse, as_of) if self.model is None else (lakehouse, self.model, as_of)


def ordered(stages: Sequence[Stage]) -> list[Stage]:
    """The stages, each behind all that it needs or comes after; otherwise as they are declared.

    Raises:
        ValueError: One of them names a stage that there is not, or waits for itself.
    """
    by_name = {stage.name: stage for stage in stages}
    found: dict[str, Stage] = {}

    def put(stage: Stage, waiting: tuple[str, ...]) -> None:
        if stage.name in waiting:
            raise ValueError(f"the stage {stage.name} waits for itself: {' > '.join((*waiting, stage.name))}")
        for name in (*stage.needs, *stage.after):
            if name not in by_name:
                raise ValueError(f"the stage {stage.name} waits for {name}, which there is not")
            if name not in found:
                put(by_name[name], (*waiting, stage.name))
        found.setdefault(stage.name, stage)

    for stage in stages:
        put(stage, ())
    return list(found.values())


def until(stages: Sequence[Stage], name: str) -> list[Stage]:
    """A stage, and all that it waits for, in the order given."""
    by_name = {stage.name: stage for stage in stages}
    wanted, looked = [name], set[str]()
    while wanted:
        looked.add(here := wanted.pop())
        wanted += [other for other in (*by_name[here].needs, *by_name[here].after) if other not in looked]
    return [stage for stage in by_name.values() if stage.name in looked]


def tasks(stages: Sequence[Stage], models: Sequence[Model]) -> list[Task]:
    """What there is to do in a night: ordered stages, of each model where they run for each.

    What is needed and not among the stages is taken as done.
    """
    made: list[Task] = []
    for stage in stages:
        nobody: list[Model | None] = [None]
        for model in models if stage.per_model else nobody:
            needed = [task for task in made if task.stage.name in stage.needs]
            mine = [task for task in needed if model is None or task.model in (None, model)]
            made.append(Task(stage, model, tuple(mine)))
    return made


def check_limits(stages: Sequence[Stage], file: LakehouseFile) -> None:
    """ConfigError where `night.limits` names a stage that there is not."""
    names = [stage.name for stage in stages]
    for name in file.night.limits:
        if name not in names:
            raise file.error(
                f"There is no stage {name}.", "night", "limits", name, found=name, expected=nearest(name, names)
            )
