"""`lakehouse.yml`: the time zone, and when a night is."""

from datetime import time
from pathlib import Path

import pytest

from assay.config.lakehouse import LakehouseFile
from assay.config.load import read_document
from assay.errors import ConfigError


def read(folder: Path, more: str) -> LakehouseFile:
    path = folder / "lakehouse.yml"
    path.write_text(f"name: meters\ndescription: Meters.\n{more}\n")
    return read_document(path, LakehouseFile)


@pytest.mark.parametrize(
    ("more", "time_zone", "as_of"),
    [
        ("", "UTC", time(0)),
        ("time_zone: America/New_York", "America/New_York", time(0)),
        ('night: {as_of: "05:30 UTC"}', "UTC", time(5, 30)),
        ('night: {as_of: "05:30"}', "UTC", time(5, 30)),
    ],
)
def test_lakehouse_file_is_in_utc_at_midnight_by_default(
    tmp_path: Path, more: str, time_zone: str, as_of: time
) -> None:
    found = read(tmp_path, more)
    assert (found.time_zone, found.night.as_of) == (time_zone, as_of)


@pytest.mark.parametrize("zone", ["America/NewYork", "EST5XYZ", "America", "../etc/passwd", "/etc/localtime", ""])
def test_bad_time_zone_is_refused(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f'time_zone: "{zone}"')
    assert caught.value.what == (
        f"The configuration is not valid: '{zone}' is not a time zone of the IANA database, such as America/New_York."
    )
    assert caught.value.where == f"{tmp_path}/lakehouse.yml:3, key time_zone"


@pytest.mark.parametrize("as_of", ["midnight", "25:00 UTC", "19:30 EST"])
def test_bad_night_is_refused(tmp_path: Path, as_of: str) -> None:
    with pytest.raises(ConfigError, match="Input should be in a valid time format") as caught:
        read(tmp_path, f'night: {{as_of: "{as_of}"}}')
    assert caught.value.where == f"{tmp_path}/lakehouse.yml:3, key night.as_of"


@pytest.mark.parametrize(
    ("as_of", "what"),
    [
        ("19:30", 'a time of day is written in quotes, "19:30 UTC": YAML reads it as a number otherwise'),
        ('"19:30-05:00"', 'a night is told in UTC, as in "19:30 UTC"'),
    ],
)
def test_night_that_would_be_misread_is_refused(tmp_path: Path, as_of: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"night: {{as_of: {as_of}}}")
    assert caught.value.what == f"The configuration is not valid: {what}."
