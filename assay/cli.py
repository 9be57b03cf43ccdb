"""The `assay` command: each subcommand is `main(arguments)` of a module in `jobs`, imported when it is called."""

import argparse
import importlib
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from assay import __version__
from assay.errors import AssayError, nearest
from assay.printable import printable
from assay.redaction import redacted

COMMANDS = {
    "init": "write a first configuration for a folder of files: assay init shop --from /data/shop",
    "validate": "check the whole configuration, without Spark",
    "bronze": "land new files of every source",
    "silver": "apply the contracts to what was landed",
    "accept": 'take in a batch that silver has stopped, on record: assay accept weather 9 --why "…"',
    "reject": 'set aside a batch that is wrong as a whole, on record: assay reject weather 9 --why "…"',
    "plan": "what a changed feature or a backfill would compute, and why: assay plan --as-of 2013-03-07",
    "features": "build the feature tables as of a night",
    "train": "train the models and promote those that pass their gates",
    "score": "write the predictions of a night",
    "explain": "why this prediction, back to the raw files: assay explain <model> <key…> --as-of <night>",
    "models": "all versions of the models: their roles, gates and metrics",
    "promote": 'make a challenger champion, on record: assay promote late_arrival --why "…"',
    "rollback": 'make the version before champion again, on record: assay rollback late_arrival --why "…"',
    "compare": "champion and challenger on what really happened",
    "watch": "compare a night with what it should be like: feeds, drift, realised quality, stages",
    "nightly": "the stages of a night, in order, and those of the nights that were missed",
    "status": "how the stages of the night stand, what is running and what is due",
    "runs": "what ran, with seconds, rows and errors: assay runs --failed",
    "backfill": "history in one pass: land, clean and build features for a range of nights",
    "dbt": "run dbt on the lakehouse's tables: assay dbt build",
    "report": "write the page of a night",
    "alerts": "tell people what is wrong and what is over: assay alerts --as-of <night>, assay alerts ls",
    "metrics": "a night's numbers for Prometheus: assay metrics --as-of <night>, assay metrics --serve 9464",
    "audit": "whether past inputs read the same today, and told no future: assay audit replay, assay audit leaks",
    "catalog": "what every feature is, since when there is one, and what its values are",
    "trace": "what a table was made of, back to the files, and what was made of it: assay trace gold.late_arrival_predictions",
    "quarantine": "look at what was refused, and take it in: assay quarantine ls",
    "maintain": "make few files of many, and remove those that no version of the last weeks has used",
    "sql": 'ask the tables: assay sql "select …"; without a query, a shell',
    "sql-server": "serve the tables to tools that speak JDBC or ODBC, to read, until ended",
    "contract": "write what the contracts generate: assay contract docs, assay contract dbt",
    "schema": "write the JSON Schemas of the configuration files",
    "completion": "print what makes the shell complete commands and options: assay completion bash",
    "drill": "rehearse a bad file, a drift or a failed gate on a copy: assay drill bad-file",
    "doctor": "whether this machine has what assay needs, and what to do where it has not",
}
"""Subcommand -> what it does."""


def job_of(command: str) -> Any:
    """The module in `jobs` whose `main` a command is."""
    return importlib.import_module(f"jobs.{command.replace('-', '_')}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit code is that of the error's class, 0 when all went well."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(__version__)
        return 0
    if words[0] not in COMMANDS:
        print(f"assay: unknown command {words[0]!r}; {nearest(words[0], COMMANDS)}", file=sys.stderr)
        return 2
    return run(job_of(words[0]).main, words[1:])


def run(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str] | None = None) -> int:
    """Call a job's main; an AssayError is printed on a few lines and becomes its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return command(words) or 0
    except AssayError as error:
        if "--json" in words:
            parts = {"error": type(error).__name__, "what": error.what, "where": error.where, "do": error.do}
            print(
                json.dumps(
                    {
                        **parts,
                        "found": "" if error.found is None else str(error.found),
                        "expected": str(error.expected or ""),
                    }
                )
            )
        else:
            print(f"assay: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("assay: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except Exception:  # noqa: BLE001  # a defect of assay: told whole, but for secrets
        print(redacted(traceback.format_exc()), end="", file=sys.stderr)
        return 1


def parser(description: str, *, as_of: bool = True) -> argparse.ArgumentParser:
    """A job's argument parser with what every command takes."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument(
        "--conf-dir", default=os.environ.get("ASSAY_CONF", "conf/flights"), help="the lakehouse's folder (ASSAY_CONF)"
    )
    result.add_argument("--env", default=os.environ.get("ASSAY_ENV", "local"), help="an environment in conf/env")
    result.add_argument("--json", action="store_true", help="print one JSON object")
    result.add_argument("-v", "--verbose", action="store_true", help="log what is done")
    if as_of:
        result.add_argument("--as-of", required=True, help="a date (that night), or an instant, UTC")
    return result


class _OneLine(logging.Formatter):
    """What a message quotes from outside begins no line of its own, and holds no secret."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        record.message = printable(redacted(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return redacted(super().formatException(ei))


def set_up_logging(*, verbose: bool, **fields: str | datetime) -> None:
    """Logging to standard error: time, level, module, and the fields of the run."""
    tail = " ".join(f"{name}={value}" for name, value in fields.items())
    form = f"%(asctime)s %(levelname)s %(name)s {tail} %(message)s".replace("  ", " ")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(form))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    if not verbose:  # what libraries tell of themselves
        warnings.simplefilter("ignore")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
        for name in ("alembic", "feast", "great_expectations", "mlflow", "py.warnings"):
            logging.getLogger(name).setLevel(logging.ERROR)
    for name in ("assay", "bronze", "silver", "gold", "model", "jobs"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.WARNING)


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{text}" for name, text in COMMANDS.items()]
    head = "usage: assay <command> [--conf-dir DIR] [--env NAME] [--as-of DATE] [--json]"
    codes = (
        "exit codes: 0 done, 2 configuration, 3 source, 4 contract, 5 table, 6 features, 7 model, 8 gate, 9 dbt, 10 alerts, 11 drill, 75 busy, "
        "124 over its time limit, 130 or 143 stopped"
    )
    return "\n".join([head, "", *lines, "", "assay <command> --help tells more.", codes])


if __name__ == "__main__":
    raise SystemExit(main())
