"""Sizes (`5MB`, `512KiB`) as text in configuration, in bytes."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
SIZE_PATTERN = r"^[1-9][0-9]{0,11}(\.[0-9]{1,3})?\s?(B|kB|KB|MB|GB|KiB|MiB|GiB)$"


def parse_size(text: object) -> int:
    """`5MB`, `1.5GiB`, or a number of bytes; ValueError for anything else."""
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    match = re.fullmatch(SIZE_PATTERN.strip("^$"), text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a size: a number and one of {', '.join(UNITS)}, as in 5MB")
    unit = match[2]
    return int(float(match[0].removesuffix(unit)) * UNITS[unit])


def format_size(value: float) -> str:
    """1234 -> `1.23 kB`, in powers of ten."""
    for unit in ("GB", "MB", "kB"):
        if value >= UNITS[unit]:
            return f"{value / UNITS[unit]:.3g} {unit}"
    return f"{value:.0f} B"


Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": SIZE_PATTERN}, {"type": "integer", "minimum": 1}]}),
]
"""A number of bytes, written `5MB`."""
