"""Runs the dbt project over a lakehouse's tables, in our process and Spark session."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from assay.errors import DbtError
from assay.ledger import hash_of

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

# What dbt-spark sets on the session it is lent and leaves behind.
_SESSION_SETTINGS = ("spark.sql.ansi.enabled", "spark.sql.sources.partitionOverwriteMode")
_FAILING_ROWS_SHOWN = 10
_LONGEST_MESSAGE = 1000

# What dbt and Spark leave in a project's folder when they are run there.
_LEFT_BEHIND = {"target", "logs", "spark-warehouse"}

# The parsed project of this process, by folder: parsing costs more than a night's queries.
_parsed: dict[Path, tuple[str, "Manifest"]] = {}


@dataclass(frozen=True)
class DbtOutcome:
    """What one `dbt build` did."""

    models: Mapping[str, tuple[str, ...]]
    """Tables of the models built, in the order they were done -> the tables that each was made of."""
    tests: tuple[str, ...]
    """Tests that passed."""
    warnings: tuple[str, ...]
    """Tests of severity `warn` that failed, each with what failed."""
    seconds: float
    """Wall time of the whole call."""


def build(
    spark: SparkSession,
    warehouse: str,
    *,
    project_dir: Path,
    vars: Mapping[str, str] = {},  # noqa: A002  # dbt's own word
    target_dir: Path,
    full_refresh: bool = False,
    tests: bool = False,
) -> DbtOutcome:
    """Builds and tests every model of the project; same project, same tables as a plain `dbt build`.

    Args:
        spark: The session of this process; dbt finds it by itself. Its settings are as before afterwards.
        warehouse: Absolute folder or URI of the lakehouse's warehouse.
        project_dir: The folder with `dbt_project.yml` and `profiles.yml`.
        vars: Variables of the project.
        target_dir: Where dbt writes what it compiled.
        full_refresh: Work out every night again, not only those that changed.
        tests: Build nothing, and run what a build leaves out: the tests of silver against the contracts, and unit tests.

    Raises:
        DbtError: The project does not parse, or a model or a test failed.
    """
    started = time.monotonic()
    project_dir, target_dir = project_dir.resolve(), target_dir.resolve()
    flags = _flags(project_dir, target_dir, {**vars, "warehouse": warehouse})
    with _left_as_found(spark):
        manifest = _manifest(project_dir, flags)
        command = ["test", "--select", "tag:contract", "test_type:unit"] if tests else ["build"]
        arguments = [*command, *flags, *(["--full-refresh"] if full_refresh else [])]
        result = _invoke(arguments, manifest)
        return _outcome(spark, project_dir, result, manifest, started)


def document(spark: SparkSession, warehouse: str, *, project_dir: Path, target_dir: Path) -> Path:
    """Writes dbt's documentation of the project as one page that needs no server: models, lineage, tests, exposures.

    Columns have their types where the session knows the table by name.

    Args:
        spark: The session of this process.
        warehouse: Absolute folder or URI of the lakehouse's warehouse.
        project_dir: The folder with `dbt_project.yml` and `profiles.yml`.
        target_dir: Where dbt writes what it makes, the page among it.

    Raises:
        DbtError: The project does not parse, or the tables cannot be described.
    """
    project_dir, target_dir = project_dir.resolve(), target_dir.resolve()
    flags = [flag for flag in _flags(project_dir, target_dir, {"warehouse": warehouse}) if flag != "--no-write-json"]
    with _left_as_found(spark):
        result = _invoke(["docs", "generate", "--static", *flags])
    if not result.success:
        raise DbtError(
            "dbt could not document the project.", where=str(project_dir), found=result.exception,
            do="run `assay dbt build` first: it says what is wrong with the project",
        )  # fmt: skip
    return target_dir / "static_index.html"


def _flags(project_dir: Path, target_dir: Path, variables: Mapping[str, str]) -> list[str]:
    """The flags that every call takes: our session, our folders, nothing printed."""
    return [
        *("--project-dir", str(project_dir), "--profiles-dir", str(project_dir)),
        *("--target", "in_process", "--target-path", str(target_dir), "--log-path", str(target_dir)),
        *("--vars", json.dumps(dict(variables), sort_keys=True)),
        *("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-use-colors"),
        *("--no-write-json", "--no-send-anonymous-usage-stats"),
    ]


def _invoke(arguments: list[str], manifest: "Manifest | None" = None) -> "dbtRunnerResult":
    """One dbt command in this process."""
    from dbt.cli.main import dbtRunner  # slow to import: only who runs dbt pays

    return dbtRunner(manifest=manifest).invoke(arguments)


def _manifest(project_dir: Path, flags: list[str]) -> "Manifest":
    """The parsed project, parsed again only when one of its files changed.

    No model of the project is ephemeral, which a manifest that is used again would compile wrongly.
    """
    found = fingerprint(project_dir)
    known = _parsed.get(project_dir)
    if known is not None and known[0] == found:
        return known[1]
    result = _invoke(["parse", *flags])
    if not result.success:
        raise DbtError(
            "The dbt project cannot be parsed.", where=str(project_dir), found=result.exception,
            do="mend the file that it names, or dbt: <folder> in lakehouse.yml",
        )  # fmt: skip
    manifest: Manifest = result.result
    _parsed[project_dir] = (found, manifest)
    return manifest


def fingerprint(project_dir: Path) -> str:
    """A hash of what is in the files of a project."""
    files = [
        path.relative_to(project_dir)
        for path in sorted(project_dir.rglob("*"))
        if path.is_file() and not _is_left_behind(path.relative_to(project_dir))
    ]
    return hash_of(json.dumps([[str(path), hash_of((project_dir / path).read_bytes())] for path in files]))


def _is_left_behind(path: Path) -> bool:
    return path.parts[0] in _LEFT_BEHIND or any(part.startswith(".") for part in path.parts)


@contextmanager
def _left_as_found(spark: SparkSession) -> Iterator[None]:
    """dbt changes the working folder and, with every statement, the session: ANSI off, overwrite dynamic."""
    folder = Path.cwd()
    settings = {name: spark.conf.get(name) for name in _SESSION_SETTINGS}
    try:
        yield
    finally:
        os.chdir(folder)
        for name, value in settings.items():
            if value is not None:
                spark.conf.set(name, value)


def _outcome(
    spark: SparkSession, project_dir: Path, result: "dbtRunnerResult", manifest: "Manifest", started: float
) -> DbtOutcome:
    """What was built and passed; DbtError with every failure otherwise."""
    results: Sequence[Any] = getattr(result.result, "results", ())
    nodes = [node for node in results if node.node.resource_type != "exposure"]  # which dbt does nothing for
    failed = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
    if failed:
        skipped = [node.node.name for node in nodes if node.status == "skipped"]
        raise DbtError(
            f"dbt: {len(failed)} of {len(nodes)} steps failed"
            + (f", {len(skipped)} were skipped after them." if skipped else "."),
            where=", ".join(str(project_dir / node.node.original_file_path) for node in failed),
            found="; ".join(_message(spark, node) for node in failed),
            do="Run `dbt build` in the folder of the project for its own log, "
            "or query the tables with `assay sql`. A table that is not found has not been written yet.",
        )
    if not result.success:
        raise DbtError("dbt could not run.", where=str(project_dir), found=result.exception)
    return DbtOutcome(
        models={
            table: tuple(sorted({of for name in n.node.depends_on.nodes if (of := _table(manifest, name))}))
            for n in nodes
            if n.node.resource_type == "model"
            and n.status == "success"
            and (table := _table(manifest, n.node.unique_id))
        },
        tests=tuple(n.node.name for n in nodes if n.node.resource_type in ("test", "unit_test") and n.status == "pass"),
        warnings=tuple(_message(spark, n) for n in nodes if n.status == "warn"),
        seconds=time.monotonic() - started,
    )


def _table(manifest: "Manifest", name: str) -> str | None:
    """The table in the lakehouse that a model or a source is, or is a view of; None for anything else.

    Args:
        manifest: The project.
        name: dbt's unique name, as `model.project.name`.
    """
    if source := manifest.sources.get(name):
        return f"{source.schema}.{source.meta.get('current_of', source.identifier)}"
    node = manifest.nodes.get(name)
    return f"{node.schema}.{node.alias}" if node and node.resource_type == "model" else None


def _message(spark: SparkSession, result: Any) -> str:
    """What failed: of a model the database's first lines, of a test the rows it found."""
    node = result.node
    if node.resource_type != "test" or result.status not in ("fail", "warn"):
        return f"{node.name}: {_first_words(str(result.message))}"
    rows = spark.sql(node.compiled_code).limit(_FAILING_ROWS_SHOWN).collect()
    found = ", ".join(str(row.asDict()) for row in rows)
    return f"{node.name}: {found}"


def _first_words(message: str) -> str:
    """The database's message without the query plan that follows its SQLSTATE, on one line."""
    words = " ".join(message.split())
    end = words.find("SQLSTATE")
    return words[:_LONGEST_MESSAGE] if end < 0 else words[: end + len("SQLSTATE: 42P01")]
