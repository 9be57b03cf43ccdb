"""Checks of what a lakehouse needs: memory, disk, its folders, servers, time zones. Spark is not started."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psutil

from assay.config.origins import Files
from assay.doctor.finding import Finding, bad, ok, warn
from assay.errors import SourceError
from assay.lakehouse import Lakehouse
from assay.redaction import redacted

GIB = 2**30
_LEAST, _FEW = 1 * GIB, 10 * GIB
"""Free bytes on a disk below which a night may fail, and below which someone should know."""
_SECONDS = 5
_PORTS = {"spark": 7077, "http": 80, "https": 443, "postgresql": 5432}


def memory(lakehouse: Lakehouse) -> Finding:
    """The memory that the environment's driver asks for, beside what this machine has."""
    asked, there = lakehouse.environment.spark, psutil.virtual_memory()
    if not (asked.master or "").startswith("local"):
        return ok(f"{_gib(there.total)}; Spark runs elsewhere")
    wanted = _bytes(str(asked.conf.get("spark.driver.memory", _driver_memory())))
    told = f"{_gib(there.available)} of {_gib(there.total)} free, of which Spark's driver may take {_gib(wanted)}"
    if wanted > there.total:
        return bad(told, "lower spark.driver.memory in the environment, or take a larger machine")
    if wanted > there.available:
        return warn(told, "end other programs, or lower spark.driver.memory in the environment")
    return ok(told)


def _bytes(text: str) -> int:
    """Spark's `2g`, `512m`, or a number of MiB, in bytes."""
    unit = text[-1:].lower()
    power = "bkmgt".find(unit)
    return int(text.rstrip("bB")[:-1]) * 1024**power if power > 0 else int(text) * 1024**2


def _driver_memory() -> str:
    try:
        from assay.session import EMBEDDED
    except ImportError:  # without Spark; the check of packages tells it
        return "1g"
    return EMBEDDED["spark.driver.memory"]


def warehouse(lakehouse: Lakehouse) -> Finding:
    """The warehouse can be written, and its disk has room."""
    root = lakehouse.root
    if _is_remote(root):
        return _reached(root)
    folder = Path(root.removeprefix("file://").removeprefix("file:"))
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return bad(f"{folder} cannot be written: {error.strerror} at {there}", "give it to the user that runs assay")
    free = shutil.disk_usage(there).free
    told = f"{folder}: {_gib(free)} free"
    if free < _LEAST:
        return bad(told, "make room")
    return warn(told, "make room before it is full") if free < _FEW else ok(told)


def landing(lakehouse: Lakehouse) -> Finding:
    """The landing folder of every source that has one can be listed."""
    from assay.files import list_files

    globs = {name: source.come_from.files for name, source in lakehouse.config.sources.items()
             if isinstance(source.come_from, Files)}  # fmt: skip
    wrong, files = [], 0
    for name, glob in globs.items():
        try:
            files += len(list_files(lakehouse.landing, glob))
        except (SourceError, OSError) as error:
            wrong.append(f"{name}: {error.what if isinstance(error, SourceError) else error}")
    if wrong:
        return warn("; ".join(wrong), "create or mount the folders; those of sources that have delivered nothing, too")
    return ok(f"{files} files of {len(globs)} sources")


def time_zone(lakehouse: Lakehouse) -> Finding:
    """The zones that the configuration names are known to this machine."""
    try:
        ZoneInfo(lakehouse.time_zone)
    except (ZoneInfoNotFoundError, OSError):
        return bad(f"{lakehouse.time_zone} is not known", "install the package tzdata")
    return ok(
        f"{lakehouse.time_zone} is known; sessions are in UTC whatever TZ says ({os.environ.get('TZ', 'not set')})"
    )


def mlflow(lakehouse: Lakehouse) -> Finding:
    """MLflow's tracking server answers, or its file can be written."""
    given = lakehouse.environment.mlflow.tracking_uri
    if given is None:
        return ok("SQLite and files in the warehouse")
    return (
        _connected(given, "MLflow's tracking server")
        if "://" in given and not given.startswith("sqlite")
        else ok(redacted(given))
    )


def spark(lakehouse: Lakehouse) -> Finding:
    """Spark's master answers, if it is a server; the ports that Spark is to open are free."""
    master, conf = lakehouse.environment.spark.master or "", lakehouse.environment.spark.conf
    if master.startswith("spark://"):
        return _connected(master, "Spark's master")
    port = int(conf.get("spark.ui.port", 4040))
    if not master.startswith("local") or str(conf.get("spark.ui.enabled", "false")).lower() == "false":
        return ok(f"{master or 'the platform decides'}; no port is opened")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return warn(
                f"{master}; port {port} is taken, and Spark's pages get another", "set spark.ui.port in the environment"
            )
    return ok(f"{master}; port {port} is free")


def _connected(address: str, what: str) -> Finding:
    parts = urlsplit(address)
    place = (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443))
    try:
        socket.create_connection(place, timeout=_SECONDS).close()
    except OSError as error:
        return bad(f"{what} at {place[0]}:{place[1]} does not answer: {error}", "start it, or correct the environment")
    return ok(f"{what} answers at {place[0]}:{place[1]}")


def _is_remote(root: str) -> bool:
    return ":" in root.partition("/")[0] and not root.startswith("file:")


def _reached(root: str) -> Finding:
    from assay.files import file_system

    try:
        system, path = file_system(root)
        system.get_file_info(path)
    except (SourceError, OSError) as error:
        return bad(f"{root} is not reached: {str(error).splitlines()[0]}", "check the address and the credentials")
    return ok(f"{root} is reached; whether it can be written is not tried")


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"


CHECKS: Mapping[str, Callable[[Lakehouse], Finding]] = {
    "memory": memory, "warehouse": warehouse, "landing": landing, "time zone": time_zone, "spark": spark,
    "mlflow": mlflow,
}  # fmt: skip
