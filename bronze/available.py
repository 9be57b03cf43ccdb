"""When a file's records became available to the lakehouse."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from assay.config.origins import Files
from assay.files import FileInfo

_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:T(\d{2})-(\d{2}))?(?![0-9T])")


def available_at(file: FileInfo, come_from: Files, time_zone: str) -> datetime | None:
    """The instant from which a file may be used; None where its name should say it and does not.

    Args:
        file: The file as listed.
        come_from: What the contract says about availability.
        time_zone: Zone of the time in a file's name. A time that daylight saving skips is read as if the clock had
            not been set; of one that happens twice, the first is meant.

    Returns:
        For `file_name` the time in the name (midnight where it is only a date). Otherwise when the file was last
        modified; silver replaces it for contracts that name a column or a delay after the event.
    """
    if come_from.available != "file_name":
        return file.modified_at
    match = _NAME.match(file.path.rpartition("/")[2])
    if match is None:
        return None
    day, hour, minute = match.groups(default="00")
    try:
        local = datetime.fromisoformat(f"{day}T{hour}:{minute}:00")
        return local.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
