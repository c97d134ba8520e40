#!/usr/bin/env bash
# Starts an action's program: picks the binary for this runner and becomes it, so that GitHub's signals reach the
# program itself. Every action.yml calls it with the action's name, and nothing else stands between:
#
#     run: exec bash "$GITHUB_ACTION_PATH/../launch.sh" runner-failover
#
# (`bash FILE`, since a copy of the repository may have lost the run bits.) In the good case no other process is
# started: a step costs the milliseconds of bash alone. Look-up order, design §10:
#   1. <the action's folder>/bin/<action>-linux-<arch>
#   2. $RUNNER_TOOL_CACHE/baton/<sha256>/<action>-linux-<arch>, where SHA256SUMS beside action.yml records that sum
#      and the file's content matches it
#   3. an error that says what to do
# Exit 64 where nothing can be started (wrong input: the ref, or runs-on; trying again would not help). Otherwise
# the program's own exit code.
set -u

action=$1
shift
# Ours is the fallback for a caller outside an action's step.
home=${GITHUB_ACTION_PATH:-${BASH_SOURCE[0]%/*}/$action}

# A workflow command on one line, whatever the text holds.
annotate() {
    local text="$action: $2"
    text=${text//'%'/'%25'} text=${text//$'\r'/'%0D'} text=${text//$'\n'/'%0A'}
    printf '::%s::%s\n' "$1" "$text"
}

fail() {
    annotate error "failed to $1"
    exit 64
}

# GitHub says Linux; other forges also linux, or nothing.
os=${RUNNER_OS:-$(uname -s)}
case $os in
    [Ll]inux) ;;
    *) fail "start on $os: baton has programs for Linux only; give this job a Linux runner (runs-on)" ;;
esac
# GitHub says X64 or ARM64; other forges use the names of Go, of the kernel, or nothing.
machine=${RUNNER_ARCH:-$(uname -m)}
case $machine in
    X64 | x64 | x86_64 | amd64 | AMD64) arch=x64 ;;
    ARM64 | arm64 | aarch64) arch=arm64 ;;
    *) fail "start on $machine: baton has programs for X64 and ARM64 only; give this job another runner (runs-on)" ;;
esac

name=$action-linux-$arch
program=$home/bin/$name

if [[ ! -f $program ]]; then
    recorded=''
    if [[ -f $home/SHA256SUMS ]]; then
        while read -r sum file; do
            [[ ${file#'*'} != "bin/$name" ]] || recorded=$sum
        done <"$home/SHA256SUMS"
    fi
    mend="pin baton to a release (its tags carry the programs, branch main does not), or run dist-scripts/stage in a checkout of baton"
    [[ -n $recorded ]] || fail "find its program $program: $mend"
    cached=${RUNNER_TOOL_CACHE:-}/baton/$recorded/$name
    [[ -n ${RUNNER_TOOL_CACHE:-} && -f $cached ]] ||
        fail "find its program $program, or ${RUNNER_TOOL_CACHE:-\$RUNNER_TOOL_CACHE}/baton/$recorded/$name: $mend"
    # The tool cache is open to every job of this runner: only the recorded bytes may run.
    read -r found _ < <(sha256sum <"$cached")
    [[ ${found:-} == "$recorded" ]] ||
        fail "trust $cached: its sha256 is ${found:-unknown}, SHA256SUMS records $recorded; delete that file, or put the release's own there"
    program=$cached
fi

if [[ ! -x $program ]]; then
    # An uploaded artifact loses the run bit. A deployment should not die of that: mend it, and say so.
    if ! chmod u+x "$program" 2>/dev/null; then
        if ! copy=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/baton-XXXXXX") || ! cp "$program" "$copy/$name" ||
            ! chmod 700 "$copy/$name"; then
            fail "make $program executable: carry the checkout as a tar, which keeps the run bit, or chmod +x it"
        fi
        program=$copy/$name
    fi
    annotate warning "$name had lost its run bit and was started all the same: carry it as a tar, which keeps the bit"
fi

shopt -s execfail
exec "$program" "$@"
fail "execute $program: it is not a program for this machine, or its file system is mounted noexec"
