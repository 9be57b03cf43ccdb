#!/usr/bin/env bash
# Writes requirements/*.txt: every package that an environment gets, its version and hashes, and no
# address of a server, so that each place installs from whatever index it has. `make lock` runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}

compile requirements/build.in --output-file requirements/build.txt
compile pyproject.toml --extra demo --extra dev requirements/build.txt --output-file requirements/lock.txt
