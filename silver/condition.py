"""Conditions between columns, from a contract's text: parsed by Spark, and made of known columns and functions only."""

from pyspark.sql import Column as SparkColumn

from assay.config import Source
from assay.errors import ContractError
from assay.sql_expression import NotAllowedError, row_expression


def condition(source: Source, name: str) -> SparkColumn:
    """A row check of a contract as a column: true, false, or NULL.

    Raises:
        ContractError: It is not SQL, or has a column, a function or a construct that it may not have.
    """
    try:
        return row_expression(source.checks[name].holds, (*source.columns, *source.derived))
    except NotAllowedError as error:
        raise ContractError(
            f"The check {name} of source {source.name} cannot be used.", where=source.at("checks", name, "holds"),
            found=error.found, expected=error.expected,
        ) from error  # fmt: skip
