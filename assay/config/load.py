"""Read a lakehouse's folder of YAML into typed configuration, and check what one file says of another."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from assay.config.base import Config, Document, Origin
from assay.config.environment import Environment
from assay.config.features import FeatureTable
from assay.config.lakehouse import LakehouseConfig, LakehouseFile
from assay.config.model import Model
from assay.config.related import check_references, with_allowed_values
from assay.config.source import Source
from assay.config.yaml import read_yaml
from assay.errors import ConfigError, nearest
from assay.paths import refuse_link_out
from assay.redaction import hide, hide_secrets_of, without_login

C = TypeVar("C", bound=Config)
D = TypeVar("D", bound=Document)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_lakehouse(conf_dir: Path) -> LakehouseConfig:
    """The configuration in `conf_dir`, checked within and across its files.

    Args:
        conf_dir: A folder with `lakehouse.yml`, `sources/`, `features/` and `models/`.

    Raises:
        ConfigError: The first thing that is wrong: file, line, key, and the nearest valid name.
    """
    if not (conf_dir / "lakehouse.yml").is_file():
        raise ConfigError(
            "This is no lakehouse's configuration folder.",
            where=str(conf_dir),
            expected="a folder with lakehouse.yml",
            do="name one with --conf-dir or ASSAY_CONF, such as conf/flights",
        )
    root = conf_dir.resolve().parent
    refuse_link_out(conf_dir / "lakehouse.yml", root)
    sources = _read_folder(conf_dir / "sources", Source, root)
    config = LakehouseConfig(
        file=read_document(conf_dir / "lakehouse.yml", LakehouseFile),
        sources={name: with_allowed_values(source, conf_dir) for name, source in sources.items()},
        features=_read_folder(conf_dir / "features", FeatureTable, root),
        models=_read_folder(conf_dir / "models", Model, root),
    )
    check_references(config.sources)
    _check_gold(config)
    for table in config.features.values():
        _check_table(table, config)
    for model in config.models.values():
        _check_model(model, config)
    return config


def load_environment(conf_dir: Path, name: str) -> Environment:
    """The environment `name` from `conf/env/`, the sibling of the lakehouse's folder.

    Raises:
        ConfigError: No such environment, or an environment variable that it names is not set.
    """
    folder = conf_dir.resolve().parent / "env"
    path = folder / f"{name}.yml"
    known = [file.stem for file in folder.glob("*.yml")]
    if name not in known:
        raise ConfigError(
            f"There is no environment {name!r}.", where=str(folder), found=name, expected=nearest(name, known)
        )
    refuse_link_out(path, folder.parent)
    data, origin = read_yaml(path)
    _name_is_the_files(data, name, origin)
    expanded = _expand(data, origin)
    hide_secrets_of(expanded, _VARIABLE.findall(str(data)))
    environment = _validate({**expanded, "name": name}, Environment, origin, show=False)
    hide(environment.alerts.secrets)
    for key in ("warehouse", "landing"):
        if without_login(expanded.get(key) or "")[2]:
            raise environment.error(
                "An address of data has a password in it, which would stand in every table's name.", key,
                do="give it as a setting in spark.conf, from an environment variable",
            )  # fmt: skip
    return environment


def read_document(path: Path, kind: type[D], **given: str) -> D:
    """One file as its model; `given` are values that the file does not say itself."""
    data, origin = read_yaml(path)
    if "name" in given:
        _name_is_the_files(data, given["name"], origin)
    return _validate({**data, **given}, kind, origin)


def _name_is_the_files(data: dict[str, Any], name: str, origin: Origin) -> None:
    if data.get("name", name) != name:
        raise ConfigError(
            "The name is not the file's.", where=origin.at("name"), found=data["name"], expected=name, do="leave it out"
        )


def _read_folder(folder: Path, kind: type[D], root: Path) -> dict[str, D]:
    if strays := sorted(folder.glob("*.yaml")):
        raise ConfigError("A configuration file would not be read.", where=str(strays[0]), do="rename it to .yml")
    files = sorted(folder.glob("*.yml"))
    known: dict[str, Path] = {}
    for path in files:
        refuse_link_out(path, root)
        if twin := known.get(path.stem.lower()):
            raise ConfigError(
                "Two names that differ only in upper and lower case are one name in SQL.",
                where=f"{twin}, {path.name}",
                do="rename one of the files",
            )
        known[path.stem.lower()] = path
    return {path.stem: read_document(path, kind, name=path.stem) for path in files}


def read_part(document: Document, kind: type[C], data: object, *path: str | int) -> C:
    """A part of a document that the document leaves to others to type, as its model.

    Args:
        document: The document.
        kind: The part's model.
        data: What stands there.
        path: The keys that lead to it.

    Raises:
        ConfigError: It is not what the model says: file, line, key, and the nearest valid name.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _invalid(error, document.origin, path) from error


def _validate(data: dict[str, Any], kind: type[D], origin: Origin, *, show: bool = True) -> D:
    """The typed document; the error shows the value met only where it can be no secret."""
    try:
        return kind.model_validate(data).located(origin)
    except ValidationError as error:
        raise _invalid(error, origin, show=show) from error


def _invalid(
    error: ValidationError, origin: Origin, path: tuple[str | int, ...] = (), *, show: bool = True
) -> ConfigError:
    """What is wrong with a document, or with the part of it that a path leads to."""
    errors = error.errors(include_url=False)
    for each in errors:
        each["loc"] = (*path, *each["loc"])
    first = _most_telling(errors, origin)
    told = first["msg"].removeprefix("Value error, ")
    hidden = not show or first["type"] in ("missing", "unknown_key", "value_error")
    return ConfigError(
        f"The configuration is not valid: {told}{'' if told.endswith(('.', '?')) else '.'}",
        where=origin.at(*_path(first, origin)),
        found=None if hidden else _short(first["input"]),
    )


def _path(error: ErrorDetails, origin: Origin) -> tuple[str | int, ...]:
    """The keys that lead to an error, without the names that pydantic gives to the alternatives of a type."""
    path: tuple[str | int, ...] = ()
    for part in error["loc"]:
        if (*path, part) in origin.lines:
            path = (*path, part)
    if error["type"] == "unknown_key":
        return (*path, error["ctx"]["key"])
    return (*path, error["loc"][-1]) if error["type"] == "missing" or (not path and error["loc"]) else path


def _most_telling(errors: Sequence[ErrorDetails], origin: Origin) -> ErrorDetails:
    """The first error; where the alternatives of a type give several, the deepest, or one with a hint."""
    place = _path(errors[0], origin)
    rivals = [error for error in errors if _path(error, origin)[: len(place)] == place]

    def rank(error: ErrorDetails) -> tuple[bool, int, bool]:
        return "did you mean" in error["msg"], len(_path(error, origin)), error["type"] != "unknown_key"

    return max(rivals, key=rank)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _expand(value: Any, origin: Origin, path: tuple[str | int, ...] = ()) -> Any:
    """`${NAME}` in any text, replaced by the environment variable."""
    if isinstance(value, dict):
        return {key: _expand(item, origin, (*path, key)) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if name not in os.environ:
            raise ConfigError(f"The environment variable {name} is not set.", where=origin.at(*path), do="export it")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], value)


def _known(document: Document, what: str, name: str, known: Iterable[str], *path: str | int) -> None:
    names = set(known)
    if name not in names:
        raise document.error(f"There is no {what} {name!r}.", *path, found=name, expected=nearest(name, names))


def _check_gold(config: LakehouseConfig) -> None:
    """No feature table has the name of a table that a model writes."""
    tables = {name.lower(): table for name, table in config.features.items()}
    for model in config.models.values():
        for part in ("training", "inputs", "predictions"):
            if table := tables.get(f"{model.name}_{part}".lower()):
                raise table.error(
                    f"The feature table {table.name} has the name of a table of the model {model.name}.",
                    found=f"gold.{table.name}",
                    do="rename the file of one of them",
                )


def _check_table(table: FeatureTable, config: LakehouseConfig) -> None:
    _known(table, "source", table.source, config.sources, "source")
    source = config.sources[table.source]
    for key in table.keys:
        _known(table, f"column of source {source.name}", key, {**source.columns, **source.derived}, "entity")


def _check_model(model: Model, config: LakehouseConfig) -> None:
    for name, chosen in model.features.items():
        _known(model, "feature table", name, config.features, "features", name)
        known = [column.name for column in config.features[name].output]
        for feature in () if chosen == "all" else chosen:
            _known(model, f"feature in {name}", feature, known, "features", name)
