"""Write a configuration whole or not at all, and over nothing that is there."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from assay.config import load_environment, load_lakehouse
from assay.errors import ConfigError


def refuse_what_is_there(conf: Path, name: str) -> None:
    """ConfigError where a lakehouse's configuration or environment would be written over."""
    for path in (conf / name, conf / "env" / f"{name}.yml"):
        if path.exists() or path.is_symlink():
            raise ConfigError(
                "There is a configuration of this name.", where=str(path), expected="a name that is not taken",
                do="choose another name, or move what is there away: nothing is written over",
            )  # fmt: skip


def write(conf: Path, name: str, files: Mapping[str, str], environment: str) -> list[Path]:
    """A lakehouse's folder and its environment, once they are known to load.

    Args:
        conf: The folder of all configuration.
        name: The lakehouse.
        files: Path below the lakehouse's folder -> its text.
        environment: The text of `env/<name>.yml`.

    Returns:
        What was written.

    Raises:
        ConfigError: It is there already, or cannot be written.
    """
    refuse_what_is_there(conf, name)
    try:
        (conf / "env").mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=conf))
    except OSError as error:
        raise ConfigError("The configuration cannot be written.", where=str(conf), found=error.strerror) from error
    try:
        texts = {f"{name}/{path}": text for path, text in files.items()} | {f"env/{name}.yml": environment}
        for path, text in texts.items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).write_text(text, encoding="utf-8")
        load_lakehouse(partial / name)
        load_environment(partial / name, name)
        _move(partial, conf, name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [conf / path for path in texts]


def _move(partial: Path, conf: Path, name: str) -> None:
    """Both into their places, or neither."""
    environment = conf / "env" / f"{name}.yml"
    (partial / "env" / f"{name}.yml").rename(environment)
    try:
        (partial / name).rename(conf / name)
    except OSError as error:
        environment.unlink()
        raise ConfigError("The configuration cannot be written.", where=str(conf), found=error.strerror) from error
