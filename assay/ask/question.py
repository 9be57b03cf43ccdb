"""One question, asked of the engine that it is for."""

import logging
from pathlib import Path

from assay.ask.answer import Answer
from assay.ask.kinds import NotQuickError
from assay.errors import TableError
from assay.lakehouse import Lakehouse

logger = logging.getLogger(__name__)

ENGINES = ("auto", "spark", "duckdb")


def ask(lakehouse: Lakehouse, statement: str, *, engine: str = "auto", at_most: int | None = None) -> Answer:
    """The answer to a statement.

    Args:
        lakehouse: Whose tables are asked.
        statement: One statement of Spark's SQL.
        engine: One of ENGINES; `auto` asks DuckDB where its answer is Spark's, and else Spark.
        at_most: So many rows and no more; all where there is no number.

    Raises:
        TableError: It cannot be answered; or not by DuckDB, where that was asked for.
    """
    if engine != "spark":
        from assay.ask import duck

        try:
            answer = duck.ask(local_folder(lakehouse), statement, at_most=at_most)
        except NotQuickError as why:
            if engine == "duckdb":
                raise TableError(
                    "DuckDB may not answer this as Spark does.", found=str(why), do="leave out --engine: Spark answers"
                ) from why
            logger.info("spark answers, because of %s", why)
        else:
            logger.info("duckdb answers, as spark would")
            return answer
    from assay import catalog

    return catalog.ask(lakehouse, statement, at_most=at_most)


def local_folder(lakehouse: Lakehouse) -> Path:
    """The lakehouse's folder; NotQuickError where it lies on no disk of this machine."""
    root = lakehouse.root.removeprefix("file://") if lakehouse.root.startswith("file://") else lakehouse.root
    root = root.removeprefix("file:")
    if ":" in root.partition("/")[0]:
        raise NotQuickError("a warehouse that is not on this machine's disk")
    return Path(root)
