"""Great Expectations suites of the user's own, as a contract names them."""

import re
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import field_validator, model_validator

from assay.config.base import Config


class UserSuite(Config):
    """A Great Expectations suite of your own, run on the accepted rows of every batch before silver is written."""

    suite: str
    """The suite's JSON file, relative to the lakehouse's configuration folder: `expectations/readings_extra.json`."""

    on_fail: Literal["fail", "flag"] = "fail"
    """fail: the batch stops where an expectation of the suite fails, raises or is unknown. flag: the run's notes say so."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"suite": value} if isinstance(value, str) else value

    @field_validator("suite")
    @classmethod
    def _confined(cls, path: str) -> str:
        if path.startswith("/") or ".." in path.split("/") or "\0" in path or "://" in path:
            raise ValueError(f"{path!r} leaves the configuration folder; give a path below it, without ..")
        if not re.fullmatch(r"[\w-]+\.json", PurePosixPath(path).name, re.ASCII):
            raise ValueError(f"{path!r} is not the name of a suite: letters, digits, - and _, then .json")
        return path

    @property
    def name(self) -> str:
        """The file's name without `.json`."""
        return PurePosixPath(self.suite).stem
