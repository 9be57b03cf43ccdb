"""An input of a model is ten times what it was."""

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import ModelError, nearest
from assay.frames import only_row
from assay.tables import quoted
from assay.watch import OK, UNKNOWN, Finding, watched
from jobs.alerts import run_alerts
from jobs.drills.fault import Rehearsal, Wish
from jobs.night.steps import policy_state
from jobs.report import run_report
from jobs.watch import run_watch
from model import score

TIMES, DAY = 10, timedelta(days=1)


def run(wish: Wish) -> Rehearsal:
    """Change the input in the night's inputs, score them again, watch the night, and ask the policy of the next."""
    lakehouse, as_of, model = wish.lakehouse, wish.as_of, wish.one_model()
    table = f"gold.{model.name}_inputs"
    rows = lakehouse.tables.read(table).where(F.col("as_of") == F.lit(as_of))
    name = _chosen(wish, rows)
    done = Rehearsal(
        f"{name} is {TIMES} times what it was, in all rows of {table}",
        practise=(
            f"watch --as-of {as_of:%Y-%m-%d}",
            f"nightly --as-of {as_of + DAY:%Y-%m-%d} --dry-run",
            f"train --as-of {as_of:%Y-%m-%d}",
        ),
    )
    changed = rows.withColumn(name, (F.col(name) * TIMES).cast(rows.schema[name].dataType))
    lakehouse.tables.replace(table, changed, slice_of={"as_of": [as_of]})
    done.attempt(
        lambda: [score.run(lakehouse, model, as_of, rewrite=True)],
        lambda: [run_watch(lakehouse, as_of)],
        lambda: [run_report(lakehouse, as_of)],
        lambda: run_alerts(lakehouse, as_of, None),
    )
    told = {each.key: each for each in _findings(wish)}
    found = told.get((f"features:{model.name}", "drift", name))
    done.found += [each.why for key, each in told.items() if key[1:] == ("drift", name) or key[1] == "score_drift"]
    if found is None or found.status in (OK, UNKNOWN):
        done.found.append(
            f"the monitor drift does not tell of it: its status is {found.status if found else 'not watched'}"
        )
    done.held = found is not None and found.status not in (OK, UNKNOWN)
    state = policy_state(lakehouse, model, as_of + DAY)
    done.found.append(f"the policy, on the night after: {state.what}{f', {state.why}' if state.why else ''}")
    return done


def _findings(wish: Wish) -> tuple[Finding, ...]:
    return next((one.findings for one in watched(wish.lakehouse, wish.as_of, wish.as_of)), ())


def _chosen(wish: Wish, rows: DataFrame) -> str:
    """The input that was asked for, or of the numeric ones that are not nothing the one nearest to training; else ModelError."""
    model = wish.one_model()
    numeric = {
        field.name for field in rows.schema if isinstance(field.dataType, T.NumericType) and field.name not in model.key
    }
    if wish.input is not None and wish.input not in numeric:
        raise ModelError(
            f"{model.name} has no numeric input {wish.input!r}.", where="--input", found=wish.input,
            expected=nearest(wish.input, numeric),
        )  # fmt: skip
    if wish.input is not None:
        return wish.input
    told = [
        (each.value, each.name)
        for each in _findings(wish)
        if (each.subject, each.monitor) == (f"features:{model.name}", "drift") and each.value is not None
    ]
    near = _changeable(rows, [name for _, name in sorted(told) if name in numeric])
    if not near:
        raise ModelError(
            f"No numeric input of {model.name} is compared with training on this night.", where=f"ops.watch as of {wish.as_of:%Y-%m-%d}",
            do="assay watch --as-of says why; or name one with --input",
        )  # fmt: skip
    return near[0]


def _changeable(rows: DataFrame, names: Sequence[str]) -> list[str]:
    """Those of some columns that are mostly other than nothing: ten times nothing is no drift. One Spark job."""
    if not names:
        return []
    counts = only_row(rows.agg(F.count("*"), *[F.count_if(F.col(quoted(name)) != 0) for name in names]))
    return [name for name, count in zip(names, counts[1:], strict=True) if 2 * count > counts[0]]
