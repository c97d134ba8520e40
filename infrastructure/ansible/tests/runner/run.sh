#!/bin/bash
# A stand-in for the runner's run.sh.
cd "$(dirname "$0")" || exit 1
exec ./bin/Runner.Listener run "$@"
