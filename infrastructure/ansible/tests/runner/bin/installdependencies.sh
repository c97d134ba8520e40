#!/bin/bash
# A stand-in: the real one installs ICU and the like.
[ "$(id -u)" -eq 0 ] || { echo "Need to run with sudo privilege"; exit 1; }
