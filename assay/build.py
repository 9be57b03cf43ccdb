"""What this installation is made of: its commit, where it runs from a checkout, and its packages."""

import hashlib
import os
import subprocess
from functools import cache
from importlib.metadata import distributions
from pathlib import Path


@cache
def commit() -> str | None:
    """The Git commit of the code, `+` behind it where files differ from it; ASSAY_COMMIT where an image sets it."""
    if given := os.environ.get("ASSAY_COMMIT"):
        return given
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        found = _git(root, "rev-parse", "HEAD").strip()
        return found + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no").strip() else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout


@cache
def packages() -> dict[str, str]:
    """Every package that is installed, and its version."""
    return {
        each.metadata["Name"].lower(): each.version for each in sorted(distributions(), key=lambda d: d.name.lower())
    }


def packages_hash() -> str:
    """Twelve digits that are equal where all packages have the same versions."""
    told = "\n".join(f"{name}=={version}" for name, version in packages().items())
    return hashlib.sha256(told.encode()).hexdigest()[:12]
