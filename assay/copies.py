"""A copy of a lakehouse beside it on this disk, complete enough to run nights in: what is done there leaves the original alone.

Files that are written once, those of tables and what was delivered, become hard links, so that a copy of any size costs
little time and room. All others are copied.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from assay.config.yaml import read_yaml
from assay.errors import ConfigError
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.lease import LEASES

SENT = "sent.jsonl"
"""The file of a copy that has what would have been sent, a message a line."""
_WRITTEN_ONCE = (".parquet",)


def copy_of(lakehouse: Lakehouse, to: Path) -> Lakehouse:
    """Copy a lakehouse: configuration, dbt project, what was delivered, tables, models. Nobody may write to it meanwhile.

    The copy tells nobody: what its alerts would say goes into its file `sent.jsonl`. It writes no file for Prometheus.

    Args:
        lakehouse: The lakehouse: its tables, files and models on a disk of this machine.
        to: The folder of the copy, on the same disk; it is not there yet.

    Returns:
        The copy, as `assay --conf-dir <to>/conf/<name>` opens it with the same environment.

    Raises:
        ConfigError: Tables, landed files or models are elsewhere than on a disk of this machine.
    """
    root, landing = check_copied(lakehouse)
    conf, base = lakehouse.conf_dir.resolve(), lakehouse.conf_dir.resolve().parent.parent
    shutil.copytree(conf, to / "conf" / conf.name)
    settings, _ = read_yaml(conf.parent / "env" / f"{lakehouse.environment.name}.yml")
    settings["warehouse"] = "warehouse"
    if landing is not None:
        settings["landing"] = str(to / "landing")
        _take(landing, to / "landing", all_once=True)
    settings["alerts"] = _untold(settings.get("alerts") or {}, to / SENT)
    settings.pop("metrics", None)
    (to / "conf" / "env").mkdir()
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    (to / "conf" / "env" / f"{lakehouse.environment.name}.yml").write_text(text, encoding="utf-8")
    if (dbt := lakehouse.config.file.dbt) is not None and (base / dbt).is_dir():
        shutil.copytree(base / dbt, to / dbt, ignore=shutil.ignore_patterns("target", "logs"))
    copy = open_lakehouse(to / "conf" / conf.name, lakehouse.environment.name)
    _take(root, Path(copy.root), leave_out=root.joinpath(*LEASES.split(".")))
    point(Path(copy.root) / "mlflow" / "mlflow.db", str(root), copy.root)
    return copy


def check_copied(lakehouse: Lakehouse) -> tuple[Path, Path | None]:
    """Where tables and landed files are, if those are elsewhere than the tables; ConfigError for what cannot be copied."""
    environment = lakehouse.environment
    elsewhere = {
        "warehouse": lakehouse.root, "landing": environment.landing or "",
        "mlflow.tracking_uri": environment.mlflow.tracking_uri or "",
    }  # fmt: skip
    folders = {name: place.removeprefix("file://").removeprefix("file:") for name, place in elsewhere.items()}
    for name, folder in folders.items():
        if (folder and name == "mlflow.tracking_uri") or ":" in folder.partition("/")[0]:
            raise environment.error(
                "Only a lakehouse that is on a disk of this machine, its models too, can be copied.", *name.split("."),
                do="rehearse in an environment of your own, with a lakehouse on this disk",
            )  # fmt: skip
    root = Path(folders["warehouse"])
    if not root.is_dir():
        raise ConfigError("There is no lakehouse to copy yet.", where=str(root), do="run a night first")
    return root, Path(folders["landing"]).absolute() if folders["landing"] else None


def _untold(alerts: dict[str, Any], sent: Path) -> dict[str, Any]:
    """The settings of alerts, all channels replaced by a file."""
    kept = {name: value for name, value in alerts.items() if name not in ("channels", "pages")}
    return {**kept, "channels": {"file": {"command": ["sh", "-c", 'cat >> "$0"; echo >> "$0"', str(sent)]}}}


def _take(folder: Path, to: Path, *, leave_out: Path | None = None, all_once: bool = False) -> None:
    """A folder with all below it: hard links of files that are written once, copies of others."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if here / name != leave_out]
        there = to / here.relative_to(folder)
        there.mkdir(parents=True, exist_ok=True)
        once = all_once or "landing" in here.relative_to(folder).parts[:1]
        for name in files:
            if once or name.endswith(_WRITTEN_ONCE):
                _link(here / name, there / name)
            else:
                shutil.copy2(here / name, there / name)


def _link(file: Path, to: Path) -> None:
    try:
        os.link(file, to, follow_symlinks=False)
    except OSError:  # a disk without hard links, or two disks
        shutil.copy2(file, to)


def point(database: Path, old: str, new: str) -> None:
    """Have MLflow's database name the files of a copy, which it knows by their whole paths; nothing where there is none."""
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection, connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]:
                connection.execute(
                    f'UPDATE "{table}" SET "{column}" = replace("{column}", :old, :new) WHERE instr("{column}", :old) > 0',  # names of MLflow's own
                    {"old": f"{old}/", "new": f"{new}/"},
                )
