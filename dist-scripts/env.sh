# shellcheck shell=bash
# What every script here starts from: strict mode, the checkout's root, the project's own tools on PATH.
# Sourced, never run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly ROOT
readonly TOOLS=$ROOT/.tools
# The pinned tools come first: an older one on the machine must not decide what passes.
export PATH=$TOOLS/bin:$PATH
cd "$ROOT"

# A fresh clone is compiled once: what would make a second time faster takes gigabytes.
[[ ${CI-} != true ]] || export CARGO_INCREMENTAL=0

# Ends the script with one line that says what failed, fit to follow "failed to".
die() {
    printf '%s: failed to %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Ends the script for wrong arguments, as every baton program does (exit 64), after its usage line.
usage_error() {
    printf '%s: %s\n%s\n' "${0##*/}" "$1" "$USAGE" >&2
    exit 64
}

# Prints a heading that stands out in a long log.
step() {
    printf '\n==> %s\n' "$*"
}

# Prints the folder, relative to the checkout, that carries a shipped crate's binaries: the action's own, and companions/
# for what no `uses:` line names.
shipped_folder() {
    if [[ -d actions/$1 ]]; then echo "actions/$1"; else echo "companions/$1"; fi
}

# Prints the crates that have a binary, one a line.
shipped_crates() {
    local main
    for main in crates/*/src/main.rs; do
        main=${main#crates/}
        echo "${main%%/*}"
    done
}
