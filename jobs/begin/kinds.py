"""Which texts are of which type, as silver reads them; narrower where that costs nothing.

Each kind is a SQL condition of DuckDB over a text `x`. What a condition takes, silver takes too: a proposal may lack a
type, it never has one that rows of the files break.
"""

from dataclasses import dataclass

_WHOLE = r"[+-]?(?:0|[1-9]\d*)"
_NUMBER = r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)"


@dataclass(frozen=True)
class Kind:
    """A type that a column may have."""

    type: str
    """The contract's."""

    fits: str
    """Whether a text is of it: SQL over `x`, true or not."""

    value: str
    """The value of a text that is: SQL over `x`; of times, microseconds since 1970, UTC where no zone is named."""

    format: str | None = None
    """The contract's, of dates and times that are not written as ISO 8601 wants them."""


def _matches(pattern: str) -> str:
    return f"regexp_full_match(x, '{pattern}')"


def _written(kind: str, spark: str, duck: str, pattern: str) -> Kind:
    """Dates or times in a format of their own."""
    value = f"epoch_us(try_strptime(x, '{duck}'))"
    return Kind(kind, f"{_matches(pattern)} AND {value} IS NOT NULL", value, spark)


def _instants(zone: str) -> Kind:
    value = "epoch_us(TRY_CAST(x AS TIMESTAMPTZ))"
    pattern = rf"{_DAY}[T ]{_CLOCK}(?::[0-5]\d(?:\.\d{{1,6}})?)?{zone}"
    return Kind("timestamp", f"{_matches(pattern)} AND {value} IS NOT NULL", value)


STRING = Kind("string", "true", "x")
LOCAL = _instants("")
KINDS = (
    Kind("boolean", "lower(x) IN ('true', 'false')", "lower(x) = 'true'"),
    Kind("int", f"{_matches(_WHOLE)} AND TRY_CAST(x AS INTEGER) IS NOT NULL", "TRY_CAST(x AS INTEGER)"),
    Kind("long", f"{_matches(_WHOLE)} AND TRY_CAST(x AS BIGINT) IS NOT NULL", "TRY_CAST(x AS BIGINT)"),
    Kind(
        "double",
        f"{_matches(_NUMBER)} AND isfinite(TRY_CAST(x AS DOUBLE)) "
        f"AND (NOT {_matches(_WHOLE)} OR TRY_CAST(x AS BIGINT) IS NOT NULL)",  # what is longer names something
        "TRY_CAST(x AS DOUBLE)",
    ),
    Kind(
        "date", f"{_matches(_DAY)} AND TRY_CAST(x AS DATE) IS NOT NULL", "epoch_us(CAST(TRY_CAST(x AS DATE) AS TIMESTAMP))"
    ),
    LOCAL,
    _instants(f"{_ZONE}?"),
    *[
        _written(f"{kind}", f"{spark_day}{spark_clock}", f"{duck_day}{duck_clock}", f"{pattern_day}{pattern_clock}")
        for spark_day, duck_day, pattern_day in (
            ("dd.MM.yyyy", "%d.%m.%Y", r"\d{2}\.\d{2}\.\d{4}"),
            ("yyyy/MM/dd", "%Y/%m/%d", r"\d{4}/\d{2}/\d{2}"),
            ("MM/dd/yyyy", "%m/%d/%Y", r"\d{2}/\d{2}/\d{4}"),
            ("dd/MM/yyyy", "%d/%m/%Y", r"\d{2}/\d{2}/\d{4}"),
        )
        for kind, spark_clock, duck_clock, pattern_clock in (
            ("date", "", "", ""),
            ("timestamp", " HH:mm", " %H:%M", f" {_CLOCK}"),
            ("timestamp", " HH:mm:ss", " %H:%M:%S", rf" {_CLOCK}:[0-5]\d"),
        )
    ],
)  # fmt: skip
"""In the order in which they are tried: the first that takes all texts of a column."""

NULLS = ("", "NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "nan", "-", "?", r"\N")
"""Texts that often mean that there is no value."""
