#!/bin/sh
# Usage: native.sh VENV [FOLDER]
# Replaces VENV's argon2-cffi-bindings by the same version built from its source, with code for AVX2 beside
# that for every x86-64 (native.cmake says how): the same hashes in about half the time. With FOLDER, that is
# made anew and gets the build, and VENV stays as it is.
# The source is checked against the hashes in serve.lock, what builds it against those in native.lock.
set -eu
venv=$1
folder=${2:-}
here=$(cd "$(dirname "$0")/.." && pwd)
python=$venv/bin/python
package=argon2-cffi-bindings

say() { printf '%s\n' "$*" >&2; }
stop() { say "$@"; exit 1; }

"$python" -c '' 2>/dev/null || stop "There is no Python in $venv. Run make setup first."
fit=$("$python" -c '
import platform, sys
libc, version = platform.libc_ver()
if platform.machine() not in ("x86_64", "AMD64") or not sys.platform.startswith(("linux", "darwin")):
    print("needless")
elif libc == "glibc" and tuple(map(int, version.split(".")[:2])) >= (2, 33):
    print("fit")
')
case $fit in
fit) ;;
needless)
    say "Nothing to build: AVX2 is a matter of x86-64. The published $package stays."
    exit 0
    ;;
*) stop "This needs Linux with glibc 2.33 or newer, whose loader picks the code that the processor can run." \
    "The published $package stays." ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

export CC="${CC:-cc}"
echo '#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }' >"$work/try.c"
# CC may hold options too.
# shellcheck disable=SC2086
$CC -march=x86-64-v3 -o "$work/try" "$work/try.c" >/dev/null 2>&1 || stop \
    "This needs a C compiler that knows -march=x86-64-v3 (GCC 11, Clang 12, or newer), and '$CC' is none." \
    "On Debian and Ubuntu: apt install gcc libc6-dev. The published $package stays."
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -f "$headers/Python.h" ] || stop \
    "Python's headers are missing: there is no $headers/Python.h." \
    "On Debian and Ubuntu: apt install python3-dev. The published $package stays."

install_with_uv() { uv pip install --quiet --python "$python" "$@"; }
install_with_pip() {
    # An environment without a pip of its own is served by another one.
    if "$python" -m pip --version >/dev/null 2>&1; then
        set -- "$python" -m pip install "$@"
    else
        set -- python3 -m pip --python "$python" install "$@"
    fi
    "$@" --quiet --quiet --disable-pip-version-check
}
tool=pip again=--force-reinstall no_cache=--no-cache-dir
if [ -z "${NO_UV:-}" ] && uv --version >/dev/null 2>&1; then
    tool=uv again=--reinstall no_cache=--no-cache
    # Some accounts have no home that can be written to.
    cache=$(uv cache dir 2>/dev/null) && mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || export UV_NO_CACHE=1
fi
unset PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME
export PIP_USER=0

if [ -n "$folder" ]; then
    rm -rf "$folder"
    again="--target=$folder"
fi

# RFC 9106's own vector takes a secret, which no caller of ours has; this one is the reference implementation's.
check() {
    PYTHONPATH=$folder "$python" -c '
from argon2.low_level import Type, hash_secret_raw
digest = hash_secret_raw(b"password", b"somesalt", 2, 65536, 1, 32, Type.ID).hex()
assert digest == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7", digest'
}

sed -n "/^$package==/,/[^\\\\]\$/p" "$here/requirements/serve.lock" >"$work/package.lock"
say "Building $(sed -n '1s/ .*//p' "$work/package.lock") with $tool and $CC ..."
"install_with_$tool" --target "$work/tools" --no-deps --require-hashes --only-binary=:all: \
    -r "$here/requirements/native.lock" || stop "The build tools could not be installed. Nothing has changed."
# No cache: this build is for nobody else, and one of another kind is not for us.
if ! ARGON2_CFFI_USE_SYSTEM=1 CMAKE_ARGS="-DCMAKE_PROJECT_INCLUDE='$here/scripts/native.cmake'" \
    PYTHONPATH=$work/tools "install_with_$tool" "$again" $no_cache --no-deps --no-build-isolation \
    --require-hashes --no-binary=$package -r "$work/package.lock"; then
    stop "The build failed. The published $package stays."
fi
if ! check; then
    [ -z "$folder" ] || stop "What was built in $folder hashes wrongly."
    "install_with_$tool" "$again" --no-deps --require-hashes --only-binary=:all: -r "$work/package.lock"
    stop "What was built hashes wrongly. The published $package is in use again."
fi
