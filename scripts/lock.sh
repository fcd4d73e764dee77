#!/bin/sh
# Writes the lock files: every version pinned, every file by its hash, for all platforms, without addresses.
# All but the benchmark's are drawn from the largest one, so that a package has one version everywhere.
set -eu
if ! uv --version >/dev/null 2>&1; then
    echo 'make lock needs uv, and it was not found. Install uv and run it again.' >&2
    exit 1
fi

lock() {
    name=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes ${UPGRADE:+--upgrade} \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
        --output-file "requirements/$name.lock" "$@"
}

all=requirements/test.lock
lock test --extra dev-servers --group dev pyproject.toml requirements/build.in
lock dev --extra dev-servers --constraints "$all" pyproject.toml requirements/build.in
lock serve --constraints "$all" pyproject.toml
lock build --constraints "$all" requirements/build.in
lock attack --constraints "$all" --group pyproject.toml:attack
lock native --constraints "$all" requirements/native.in
lock audit --constraints "$all" --group pyproject.toml:audit

# The benchmark's cannot always have the same versions, but it starts from them: uv keeps what is in the file
# where it fits.
if [ -n "${UPGRADE:-}" ] || [ ! -f requirements/bench.lock ]; then
    cp "$all" requirements/bench.lock
fi
if [ -n "${UPGRADE:-}" ]; then
    date -u +%F >requirements/renewed # make audit tells when that is too long ago
fi
UPGRADE=
lock bench --group pyproject.toml:bench

if grep -n '://' requirements/*.lock; then
    echo 'The lock files must not name an address.' >&2
    exit 1
fi
