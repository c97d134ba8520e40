#!/bin/bash
# A stand-in for the runner's config.sh: its options, its files, its refusals.
cd "$(dirname "$0")" || exit 1
[ "$(id -u)" -ne 0 ] || { echo "Must not run with sudo"; exit 1; }
exec ./bin/Runner.Listener configure "$@"
