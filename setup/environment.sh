#!/usr/bin/env bash
# Makes .venv what requirements/lock.txt, pyproject.toml and setup/jars.lock say; `make setup` runs it.
# Each step leaves a copy of the file it worked from in .venv/.setup, as its last act, and is skipped
# while that copy equals the file: a second run takes a moment, an interrupted one is taken up again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv
done_dir=$venv/.setup

say() { printf 'setup: %s\n' "$*"; }
is_done() { cmp -s "$1" "$done_dir/$(basename "$1")"; }
mark_done() { cp "$1" "$done_dir/$(basename "$1")"; }

# An environment holds absolute paths: one of a moved or copied checkout, of another Python than the one
# asked for, or whose Python is gone, is made anew.
environment_fits() {
    [ "$(cat "$done_dir/place" 2>/dev/null)" = "$venv" ] || return 1
    local version='import sys; print(sys.version)' ours
    ours=$("$venv/bin/python" -c "$version" 2>/dev/null) || return 1
    [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -c "$version" 2>/dev/null)" = "$ours" ]
}

make_environment() {
    local python
    python=$(setup/check_python.sh)
    say "environment in .venv, with $python"
    rm -rf "$venv"
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$python" "$venv"
        uv pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements/build.txt
    else
        "$python" -m venv "$venv" || {
            say "$python cannot make environments; on Debian, Ubuntu: sudo apt-get install python3-venv" >&2
            exit 1
        }
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --require-hashes -r requirements/build.txt
    fi
    mkdir -p "$done_dir"
    echo "$venv" >"$done_dir/place"
}

# The environment's own uv, whose version is locked. Builds use the locked setuptools, not one of their own.
install() {
    local verb=$1
    shift
    "$venv/bin/uv" pip "$verb" --quiet --python "$venv/bin/python" --no-build-isolation "$@"
}

setup/check_java.sh
environment_fits || make_environment

if ! is_done requirements/lock.txt; then
    say "packages of requirements/lock.txt"
    rm -f "$done_dir/pyproject.toml" # the next step's: the project itself is not in the lock
    install install --require-hashes -r requirements/build.txt
    install sync --require-hashes requirements/lock.txt
    mark_done requirements/lock.txt
fi

if ! is_done pyproject.toml; then
    say "assay itself, editable"
    install install --no-deps --editable .
    mark_done pyproject.toml
fi

"$venv/bin/python" setup/fetch_jars.py # checks what is there each time: it is quick

if ! is_done assay/log_store/LinkingLogStore.java || [ ! -f "$venv/java/log_store.jar" ]; then
    say "the log store for local disks"
    "$venv/bin/python" setup/compile_log_store.py
    mark_done assay/log_store/LinkingLogStore.java
fi

"$venv/bin/python" setup/spark_conf.py
"$venv/bin/python" setup/keep_classes.py # takes a minute once, and saves half of that at each start
