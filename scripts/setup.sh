#!/bin/sh
# Usage: setup.sh VENV LOCK [alone]
# Makes VENV if it is not there (or broken), and installs LOCK and this project into it; with alone only LOCK.
# Every package is checked against the hashes in LOCK. Uses uv where it is there, else venv and pip.
set -eu
venv=$1
lock=$2
alone=${3:-}
here=$(pwd)

say() { printf '%s\n' "$*" >&2; }
stop() { say "$@"; exit 1; }

# A name on the PATH proves little: version managers leave stand-ins that only fail. So each one is run.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || stop "PYTHON=$PYTHON is not a Python 3.11 or newer that runs."
        echo "$PYTHON"
        return
    fi
    without_pip=
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        is_new_enough "$name" || continue
        if [ "$tool" = uv ] || can_make_venv "$name"; then
            echo "$name"
            return
        fi
        without_pip=${without_pip:-$name}
    done
    [ -z "$without_pip" ] || stop \
        "$without_pip is there, but it cannot make a virtual environment: its modules venv or ensurepip are missing." \
        "On Debian and Ubuntu install them with: apt install python3-venv. Or install uv."
    stop "No Python 3.11 or newer was found (tried python3 and python3.11 to python3.14)." \
        "Install one, or name yours: make PYTHON=/path/to/python3 ..."
}

make_venv() {
    python=$(find_python)
    say "Making $venv with $python ..."
    rm -rf "$venv"
    if [ "$tool" = uv ]; then
        uv venv --quiet --no-project --python "$(command -v "$python")" "$venv"
    else
        "$python" -m venv "$venv"
    fi
    printf '%s\n' "$here" >"$venv/.place"
}

# Only forbiddenfruit is built here, with the pinned tools: it is published as source only.
# Bytecode is compiled at the end, for what is imported, which is far less than all.
install_with_uv() {
    uv pip install --quiet --python "$venv/bin/python" --no-build-isolation "$@"
}
# Twice quiet: only errors are told, not what a pip of any age thinks of its own options.
install_with_pip() {
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check \
        --no-compile --no-build-isolation --use-pep517 "$@"
}

tool=pip
if [ -z "${NO_UV:-}" ] && uv --version >/dev/null 2>&1; then
    tool=uv
    # Some accounts have no home that can be written to.
    cache=$(uv cache dir 2>/dev/null) && mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || export UV_NO_CACHE=1
fi
# Personal settings that would send packages elsewhere than into the environment.
unset PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME
export PIP_USER=0

if ! is_new_enough "$venv/bin/python" || [ "$(cat "$venv/.place" 2>/dev/null)" != "$here" ]; then
    make_venv
elif [ "$tool" = pip ] && ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$venv/bin/python" -m ensurepip >/dev/null 2>&1 || make_venv # uv made it, without pip
fi

native=$(find "$venv" -name libargon2-authsvc.so 2>/dev/null || true) # what make native built, if it did
say "Installing $lock with $tool ..."
# Without dependencies: the lock file is complete, and pip would look for newer ones of what has extras.
if ! "install_with_$tool" --no-deps --require-hashes --only-binary=:all: --no-binary=forbiddenfruit -r "$lock" ||
    { [ -z "$alone" ] && ! "install_with_$tool" --no-deps -e .; }; then
    stop "Installing $lock with $tool failed. If no reason is given above, see whether the package index can be reached."
fi

if [ -n "$native" ] && [ -z "$(find "$venv" -name libargon2-authsvc.so)" ]; then
    rm -f "$venv/.native-ready"
    say "argon2 has a new version, as published. To build it for this processor again: make native"
fi

[ -z "$alone" ] || exit 0
# Even where PYTHONDONTWRITEBYTECODE is set: without bytecode every start would take seconds longer.
env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -c '
import authsvc.cli.dev, uvicorn.lifespan.on, uvicorn.protocols.http.httptools_impl
import sqlalchemy.dialects.postgresql.asyncpg'
