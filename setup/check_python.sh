#!/usr/bin/env bash
# Prints the Python to make the environment with, or stops with what to install: $PYTHON if it is set,
# else the first of the usual names that is 3.11 or newer.
set -euo pipefail

candidates=${PYTHON:-python3.11 python3.12 python3.13 python3 python}
found=""

for candidate in $candidates; do
    command -v "$candidate" >/dev/null || continue
    version=$("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || version="does not run"
    found="$found $candidate ($version)"
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
done

cat >&2 <<MESSAGE
setup: Python 3.11 or newer is needed.
  found     ${found:-none among: $candidates}
  install   Debian, Ubuntu:  sudo apt-get install python3.11 python3.11-venv
            Fedora, RHEL:    sudo dnf install python3.11
            macOS:           brew install python@3.11
  then      run the command again. For a Python elsewhere: make setup PYTHON=/path/to/python3.11
MESSAGE
exit 1
