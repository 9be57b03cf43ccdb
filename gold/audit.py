"""Audits of what models were given: it reads the same today, and nothing in it was known only later.

`replay` asks Feast again for the inputs of past predictions. `leaks` works a sample of a training set out again from
silver's history, in plain Python: none of the pipeline's windows, joins and aggregates takes part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import FeatureTable, Model
from assay.errors import FeatureError
from assay.frames import only_row
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from assay.tables import quoted
from gold.feast_objects import TTL
from gold.plain import PLAIN, Window, agrees
from gold.retrieval import ADDED, FEATURE_DEFINITIONS, input_columns, retrieve
from gold.then import then

SHOWN = 5
SAMPLE = 50
"""Rows of a training set that `leaks` works out again."""


@dataclass(frozen=True)
class Difference:
    """A value that is not what it should be."""

    place: str
    column: str
    stored: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.place}: {self.column} was {self.stored!r}, is {self.found!r}"


def run_replay(lakehouse: Lakehouse, model: Model, first: datetime, last: datetime) -> Outcome:
    """Ask again for the inputs of the predictions of some nights, and hold them against what the model was given.

    Raises:
        FeatureError: A value differs, or none of the nights has been scored.
        TableError: No night ever has.
    """
    return run_stage(lakehouse, "audit_replay", last, lambda outcome: _replay(lakehouse, model, first, outcome))


def run_leaks(lakehouse: Lakehouse, model: Model, as_of: datetime, rows: int = SAMPLE) -> Outcome:
    """Work out a sample of the newest training set as of a night again, from what silver knew at each row's time.

    Raises:
        FeatureError: A value differs, or there is no training set.
    """
    return run_stage(lakehouse, "audit_leaks", as_of, lambda outcome: _leaks(lakehouse, model, outcome, rows))


def _replay(lakehouse: Lakehouse, model: Model, first: datetime, outcome: Outcome) -> None:
    stored = lakehouse.tables.read(f"gold.{model.name}_inputs")
    stored = stored.where(F.col("as_of").between(F.lit(first), F.lit(outcome.as_of)))
    inputs = [*input_columns(lakehouse, model), *model.request]
    compared = [name for name in inputs if name in stored.columns]
    outcome.notes += [
        f"{model.name}: {name} is no input of those nights" for name in inputs if name not in stored.columns
    ]
    gone = [name for name in stored.columns if "__" in name and name not in inputs]
    outcome.notes += [f"{model.name}: {name} is no input any more" for name in gone if name.count("__") == 1]
    spine = stored.drop(*inputs, *gone, *ADDED)
    key = [*model.key, "as_of"]
    past = then(lakehouse, model, stored, FEATURE_DEFINITIONS)
    outcome.notes += [f"{model.name}: {told}" for told in past.told()]
    again = retrieve(lakehouse, model, spine.persist(), past.older)
    both = stored.alias("stored").join(
        again.alias("found"),
        [F.col(f"stored.{quoted(name)}").eqNullSafe(F.col(f"found.{quoted(name)}")) for name in key],
        "left",
    )
    differs = {name: past.differs(name) for name in compared}
    counts = only_row(
        both.agg(
            F.count("*").alias("rows"),
            F.count_distinct("stored.as_of").alias("nights"),
            *[F.count_if(condition).alias(f"differs {name}") for name, condition in differs.items()],
        )
    )
    if not counts["rows"]:
        raise FeatureError(
            f"No night of {model.name} has been scored in this range.", where=f"gold.{model.name}_inputs",
            found=f"nothing from {first:%Y-%m-%d} to {outcome.as_of:%Y-%m-%d}", do="assay audit replay --from …",
        )  # fmt: skip
    wrong = {name: counts[f"differs {name}"] for name in compared if counts[f"differs {name}"]}
    outcome.measure(
        model.name, nights=counts["nights"], rows=counts["rows"], values=counts["rows"] * len(compared),
        differing=sum(wrong.values()),
    )  # fmt: skip
    examples = [found for name in list(wrong)[:SHOWN] for found in _examples(both, differs, key, name)]
    spine.unpersist()
    _conclude(outcome, model, wrong, examples, "Inputs of past predictions are not what retrieval finds today.")


def _examples(both: DataFrame, differs: Mapping[str, Any], key: Sequence[str], name: str) -> list[Difference]:
    rows = both.where(differs[name]).select(
        *[F.col(f"stored.{quoted(part)}").cast("string").alias(part) for part in key],
        F.col(f"stored.{quoted(name)}").alias("__stored"), F.col(f"found.{quoted(name)}").alias("__found"),
    )  # fmt: skip
    found = rows.orderBy(*map(quoted, key)).limit(1).collect()
    return [
        Difference(" ".join(str(row[part]) for part in key), name, row["__stored"], row["__found"]) for row in found
    ]


def _leaks(lakehouse: Lakehouse, model: Model, outcome: Outcome, rows: int) -> None:
    sample = _sample(lakehouse, model, outcome.as_of, rows)
    wrong: dict[str, int] = {}
    examples: list[Difference] = []
    for name, chosen in model.features.items():
        table = lakehouse.config.features[name]
        audited = _Audited.of(lakehouse, table, sample)
        columns = [column for column in table.aggregated if chosen == "all" or column.name in chosen]
        values, nearest = 0, None
        for row in sample:
            found = audited.features(row)
            for column in columns:
                feature = table.features[column.feature]
                if feature.aggregate not in PLAIN:
                    raise FeatureError(
                        f"The feature {column.name} of {name} cannot be audited.", where=table.at("features", column.feature),
                        found=f"no {feature.aggregate} in gold/plain.py", expected="the aggregate in plain Python too",
                    )  # fmt: skip
                values += 1
                stored, truth = row[f"{name}__{column.name}"], found.values.get(column.name)
                if not agrees(feature, stored, truth):
                    label = f"{name}__{column.name}"
                    wrong[label] = wrong.get(label, 0) + 1
                    place = " ".join(str(row[key]) for key in (*model.key, "as_of"))
                    examples.append(Difference(place, label, stored, truth))
            if found.newest is not None:
                margin = row["as_of"] - found.newest
                nearest = margin if nearest is None else min(nearest, margin)
        outcome.measure(name, values=values, differing=sum(n for of, n in wrong.items() if of.startswith(f"{name}__")))
        if nearest is not None:
            outcome.measure(name, hours_known_before=nearest / timedelta(hours=1))
            outcome.notes.append(
                f"{name}: {values} values; the newest row in them was known {nearest} before its as_of"
            )
    outcome.measure(model.name, rows=len(sample))
    _conclude(outcome, model, wrong, examples, "Values of the training set are not what silver knew at the time.")


def _sample(lakehouse: Lakehouse, model: Model, as_of: datetime, rows: int) -> list[dict[str, Any]]:
    """Some rows of the newest training set, the same ones whenever they are asked for; times are aware."""
    table = f"gold.{model.name}_training"
    of = F.col("training_as_of")
    training = lakehouse.tables.read(table).where(of <= F.lit(as_of))
    newest = only_row(training.agg(F.max(of).alias("of")))["of"]
    if newest is None:
        raise FeatureError(
            f"There is no training set of {model.name}.", where=table, expected=f"one as of {as_of:%Y-%m-%d} or before",
            do=f"assay train --as-of {as_of:%Y-%m-%d}",
        )  # fmt: skip
    key = [F.col(quoted(name)) for name in (*model.key, "as_of")]
    found = training.where(of == F.lit(newest)).orderBy(F.xxhash64(*key), *key).limit(rows).collect()
    return [{name: _aware(value) for name, value in row.asDict().items()} for row in found]


@dataclass(frozen=True)
class _Found:
    """What a feature table should say of one row."""

    values: Mapping[str, Any]
    newest: datetime | None
    """When the newest row in it became known."""


@dataclass(frozen=True)
class _Audited:
    """A feature table's definition, the nights it was built for, and what silver's history has of some entities."""

    table: FeatureTable
    timed: bool
    nights: tuple[datetime, ...]
    history: Mapping[tuple[Any, ...], list[dict[str, Any]]]

    @classmethod
    def of(cls, lakehouse: Lakehouse, table: FeatureTable, sample: Sequence[Mapping[str, Any]]) -> "_Audited":
        """Read what is needed of silver: all versions of the events that the sample's entities had in their windows."""
        event_time = lakehouse.config.sources[table.source].event_time
        history = lakehouse.tables.read(f"silver.{table.source}__history")
        entities = lakehouse.spark.createDataFrame(
            sorted(
                {tuple(row[key] for key in table.keys) for row in sample if None not in [row[k] for k in table.keys]}
            ),
            history.select(*map(quoted, table.keys)).schema,
        )
        given = [
            expression
            for name, feature in table.features.items()
            if not feature.is_expression
            for expression in (
                (F.lit(1) if feature.argument == "*" else F.expr(feature.argument)).alias(f"value {name}"),
                F.expr(feature.where or "true").alias(f"where {name}"),
                (F.col(quoted(next(iter(feature.by)))) if feature.by else F.lit(None)).alias(f"by {name}"),
            )
        ]
        at = F.col(quoted(event_time)) if event_time else F.col("valid_from")
        windows = [column.window for column in table.aggregated]
        if None not in windows:  # more than the windows hold, which are not cut here
            reach = TTL + table.delay + max(window for window in windows if window is not None)
            history = history.where(at.cast("timestamp") >= F.lit(min(row["as_of"] for row in sample) - reach))
        rows = history.join(F.broadcast(entities), list(table.keys), "left_semi").select(
            *map(quoted, table.keys), at.cast("timestamp").alias("at"), "valid_from", "valid_to",
            "source_file", "source_position", *given,
        )  # fmt: skip
        found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows.collect():
            event = {name: _aware(value) for name, value in row.asDict().items()}
            if event["at"] is not None:
                found.setdefault(tuple(event[key] for key in table.keys), []).append(event)
        for events in found.values():
            events.sort(key=lambda e: (e["at"], e["valid_from"], e["source_file"], e["source_position"]))
        built = lakehouse.tables.read(f"gold.{table.name}").select("event_timestamp").distinct().collect()
        nights = tuple(sorted(row["event_timestamp"].replace(tzinfo=UTC) for row in built))
        return cls(table, event_time is not None, nights, found)

    def features(self, row: Mapping[str, Any]) -> _Found:
        """What the newest night within a feature's life should say at a row's time; nothing of no night or no entity."""
        nights = [night for night in self.nights if row["as_of"] - TTL <= night <= row["as_of"]]
        entity = tuple(row[key] for key in self.table.keys)
        if not nights or None in entity:
            return _Found({}, None)
        known = [
            event
            for event in self.history.get(entity, [])
            if event["valid_from"] <= nights[-1] and (event["valid_to"] is None or nights[-1] < event["valid_to"])
        ]
        values: dict[str, Any] = {}
        newest: datetime | None = None
        for column in self.table.aggregated:
            feature = self.table.features[column.feature]
            inside = [event for event in known if self._inside(event["at"], nights[-1], column.window)]
            taken = [
                event
                for event in inside
                if event[f"value {column.feature}"] is not None
                and event[f"where {column.feature}"]
                and (feature.by is None or event[f"by {column.feature}"] == column.by)
            ]
            newest = max([event["valid_from"] for event in taken] + ([newest] if newest else []), default=None)
            if feature.aggregate in PLAIN:
                events = [(event["at"], event[f"value {column.feature}"]) for event in taken]
                values[column.name] = PLAIN[feature.aggregate](Window(events, nights[-1], feature))
        return _Found(values, newest)

    def _inside(self, at: datetime, as_of: datetime, window: timedelta | None) -> bool:
        end = as_of - self.table.delay
        start = end - window if window else datetime.min.replace(tzinfo=UTC)
        return start <= at < end if self.timed else start < at <= end


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _conclude(
    outcome: Outcome, model: Model, wrong: Mapping[str, int], examples: Sequence[Difference], what: str
) -> None:
    if wrong:
        raise FeatureError(
            what, where=f"model {model.name}, {outcome.stage} as of {outcome.as_of:%Y-%m-%d}",
            found="; ".join(f"{name}: {n}" for name, n in wrong.items())
            + " differ, such as " + "; ".join(map(str, examples[:SHOWN])),
            expected="no difference",
            do="see in ops.runs which run wrote these nights since; a night is written anew by --rewrite alone",
        )  # fmt: skip
