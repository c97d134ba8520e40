#!/bin/bash
# A stand-in for what the runner's service starts: hands a stop on to the listener as an interrupt.
cd "$(dirname "$0")" || exit 1
trap 'kill -INT "$child"' TERM INT
./bin/Runner.Listener run --startuptype service &
child=$!
wait "$child"
trap - TERM INT
wait "$child"
