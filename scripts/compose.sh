#!/bin/sh
# Runs Docker Compose, and says what is missing where it cannot.
set -eu
if ! docker compose version >/dev/null 2>&1; then
    echo 'This needs Docker with the Compose plugin, and it was not found. Without Docker: make dev.' >&2
    exit 1
fi
# `down` fills in the same variables as `up`, but has no use for their values.
if [ "$1" = down ]; then
    export AUTHSVC_SECRET_KEY=unused POSTGRES_PASSWORD=unused
fi
exec docker compose "$@"
