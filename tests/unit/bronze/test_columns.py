"""The columns and types that a source brings, against its contract."""

from pathlib import Path

import pyarrow as pa
import pytest

from assay.config.load import read_document
from assay.config.source import Source
from assay.errors import ContractError
from bronze.columns import READABLE, check_types
from bronze.parquet import class_of

TYPES = ("string", "int", "long", "double", "decimal(9,2)", "boolean", "date", "timestamp", "hhmm")


def contract(folder: Path, kind: str, more: str = "") -> Source:
    column = f"{{type: '{kind}'{more}}}"
    text = f"description: X.\nfrom: {{files: landing/*}}\nkey: [a]\ncolumns: {{a: {column}}}\n"
    (folder / "readings.yml").write_text(text)
    return read_document(folder / "readings.yml", Source, name="readings")


@pytest.mark.parametrize(
    ("arrow", "readable"),
    [
        (pa.int64(), {"string", "int", "long", "double", "decimal(9,2)", "boolean", "hhmm"}),
        (pa.float64(), {"string", "double", "decimal(9,2)"}),
        (pa.decimal128(9, 2), {"string", "int", "long", "double", "decimal(9,2)"}),
        (pa.bool_(), {"string", "boolean"}),
        (pa.date32(), {"string", "date"}),
        (pa.timestamp("us", tz="UTC"), {"string", "timestamp"}),
        (pa.time64("us"), {"string"}),
        (pa.binary(), {"string"}),
        (pa.list_(pa.int64()), {"string"}),
        (pa.struct([("x", pa.int64())]), {"string"}),
        (pa.large_string(), set(TYPES)),
        (pa.dictionary(pa.int8(), pa.string()), set(TYPES)),
        (pa.null(), set(TYPES)),
    ],
)
def test_a_typed_column_can_be_read_as_some_types(tmp_path: Path, arrow: pa.DataType, readable: set[str]) -> None:
    found = set()
    for kind in TYPES:
        try:
            check_types(contract(tmp_path, kind), "x.parquet", {"a": class_of(arrow), "b": "nested"})
            found.add(kind)
        except ContractError:
            pass
    assert found == readable


def test_every_type_but_string_says_what_it_is_read_from() -> None:
    assert {kind.partition("(")[0] for kind in TYPES} - {"string"} == set(READABLE)


def test_a_retyped_column_is_told_with_both_types_unless_it_is_optional(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="has a column of another type than the contract's") as caught:
        check_types(contract(tmp_path, "int"), "x.parquet", {"a": "binary"})
    error = caught.value
    assert (error.found, error.expected) == ("a binary", "a that is read as int")
    assert error.where == f"x.parquet against {tmp_path}/readings.yml:4, key columns.a"
    check_types(contract(tmp_path, "int", ", optional: true"), "x.parquet", {"a": "binary"})
