"""A real browser, which opens a page and says what it has found."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-default-apps",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
)  # fmt: skip
OWN = "not an origin"
"""Who asks for what the browser wants for itself, an update say, in its log of the network."""


@dataclass(frozen=True)
class Look:
    """What a browser has found on a page."""

    console: list[str]
    """Errors and warnings, and what scripts say."""
    requested: list[str]
    """What the page has asked the network for."""
    picture: int
    """Bytes of its picture, a PNG: little is to be seen where they are few."""


def look(page: Path, folder: Path, *, width: int) -> Look:
    """Open a page in a window of some width, in pixels; the test is skipped where there is no browser."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no chromium on PATH; on Debian: apt-get install chromium, as .ci/run does")
    log, picture = folder / "network.json", folder / "picture.png"
    done = subprocess.run(
        [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", f"--screenshot={picture}",
         f"--window-size={width},2400", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    told = json.loads(log.read_text())
    begun = told["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    of_page = [
        event["params"] for event in told["events"] if event["type"] == begun and "url" in event.get("params", {})
    ]
    return Look(
        [line for line in done.stderr.splitlines() if "CONSOLE" in line],
        [params["url"] for params in of_page if params["initiator"] != OWN],
        picture.stat().st_size,
    )
