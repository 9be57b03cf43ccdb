"""Sizes in configuration."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from assay.sizes import Bytes, format_size

READ = TypeAdapter(Bytes)


@pytest.mark.parametrize(
    ("text", "size"), [("5MB", 5_000_000), ("1.5 kB", 1500), ("2MiB", 2 * 1024**2), ("1GB", 10**9), ("7B", 7), (12, 12)]
)
def test_a_size_is_a_number_of_bytes(text: Any, size: int) -> None:
    assert READ.validate_python(text) == size


@pytest.mark.parametrize("text", ["5", "MB", "5mb", "-1MB", "0MB", "1e3B", "5MB ", 0, -3, True, 1.5, None])
def test_what_is_no_size_is_refused(text: Any) -> None:
    with pytest.raises(ValidationError, match="is not a size"):
        READ.validate_python(text)


@pytest.mark.parametrize(
    ("size", "text"), [(5, "5 B"), (1234, "1.23 kB"), (273_000, "273 kB"), (5_000_000, "5 MB"), (2.5e9, "2.5 GB")]
)
def test_format_size_is_for_people(size: float, text: str) -> None:
    assert format_size(size) == text
