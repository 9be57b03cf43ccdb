"""Paths in configuration: below the folder that they are relative to, and no link out of it."""

import os
from pathlib import Path

from assay.errors import ConfigError


def below(text: str, what: str) -> str:
    """The path itself; ValueError for one that is absolute, an address, or leads upwards."""
    if text.startswith(("/", "\\")) or ".." in text.replace("\\", "/").split("/") or "\0" in text or "://" in text:
        raise ValueError(f"{text!r} leaves {what}; give a path below it, without ..")
    return text


def leads_out(path: str | Path, folder: str | Path) -> str | None:
    """Where a path leads, once its links are followed, if that is not in the folder; None if it is."""
    target, base = os.path.realpath(path), os.path.realpath(folder)
    return None if Path(target).is_relative_to(base) else target


def refuse_link_out(path: Path, folder: Path) -> None:
    """ConfigError where a link leads out of the folder of all configuration."""
    if target := leads_out(path, folder):
        raise ConfigError(
            "A configuration file is a link that leads out of the configuration.",
            where=str(path),
            found=f"a link to {target}",
            expected=f"a file in {folder}",
            do="put a copy of the file in the link's place",
        )
