# shellcheck shell=bash
# What the suites of dist-scripts/infra share: the stand-in for GitHub, playbooks, expectations. Sourced by it: what is not
# set here it sets, or reads. The suites themselves are in suites/.
# shellcheck disable=SC2154,SC2034

readonly ANSIBLE=$ROOT/infrastructure/ansible
readonly GITHUB=http://$PREFIX.1:8080
export BATON_RUNNER_ADMIN_TOKEN=admin-token-Zq81
# The secrets that the stand-in knows and hands out; none may ever be shown.
readonly SECRETS='admin-token-Zq81|REGISTRATION[0-9]+SECRET|CREDENTIAL[0-9]+|JITSECRET[0-9]+'

start_stand_in() {
    local archive=$work/runner.tar.gz
    # Its owner is nobody's in particular, as in the real one.
    tar -C "$ANSIBLE/tests/runner" --owner=1001 --group=127 -czf "$archive" .
    inside python3 -B "$ANSIBLE/tests/github.py" "$PREFIX.1" 8080 "$archive" >"$work/logs/github" 2>&1 &
    stand_in=$!
    # The shipped inventories, with the addresses of these hosts; staging borrows one of them.
    cat >"$work/hosts-staging.yml" <<HOSTS
all:
  hosts:
    runner-staging-1: {ansible_host: $PREFIX.11}
    monitoring-staging-1: {ansible_host: $PREFIX.1}
HOSTS
    cat >"$work/hosts.yml" <<HOSTS
all:
  hosts:
    runner-production-1: {ansible_host: $PREFIX.11}
    runner-production-2: {ansible_host: $PREFIX.12}
    web-production-1: {ansible_host: $PREFIX.21}
    monitoring-production-1: {ansible_host: $PREFIX.1}
HOSTS
    cat >"$work/vars.yml" <<VARS
ansible_ssh_common_args: -F $work/ssh_config
github_runner_server_url: $GITHUB
github_runner_api_url: $GITHUB/api/v3
github_runner_archive_url: $GITHUB/archive.tar.gz
github_runner_sha256: {x64: $(sha256sum "$archive" | cut -d' ' -f1), arm64: $(sha256sum "$archive" | cut -d' ' -f1)}
github_runner_minimum_cores: 1
github_runner_minimum_memory_mb: 1024
github_runner_minimum_disk_gb: 10
github_runner_drain_interval: 1
# A daemon in a container that shares this machine's kernel.
github_runner_docker_daemon: {storage-driver: vfs, bridge: none, iptables: false}
baton_ssh_sources: [$PREFIX.1/32]
baton_scrape_sources: [$PREFIX.1/32]
VARS
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        # shellcheck disable=SC2119
        github >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    die "start the stand-in for GitHub: see $work/logs/github"
}

# Shows the stand-in's state, or changes it: github '{"expired": true}'.
# shellcheck disable=SC2120 # suites give arguments
github() {
    inside python3 -c 'import sys, urllib.request as r
print(r.urlopen(sys.argv[1], sys.argv[2].encode() if len(sys.argv) > 2 else None, timeout=10).read().decode())' "$GITHUB/test" "$@"
}

# Evaluates a Python expression over the stand-in's state.
# shellcheck disable=SC2119
of_github() { github | python3 -c 'import json, sys
state = json.load(sys.stdin)
print(eval(f"({sys.argv[1]})"))' "$1"; }

# Runs a playbook: play NAME [argument…]. What it says goes to $log; the exit code is Ansible's. The inventory is
# production's, or $inventory. Connections are kept in this run's folder: another run may have hosts at the same addresses.
play() {
    local name=$1 inventories=(-i inventories/production -i "$work/hosts.yml")
    [[ ${inventory-production} == production ]] || inventories=(-i "inventories/$inventory" -i "$work/hosts-$inventory.yml")
    shift
    log=$(mktemp "$work/logs/$(date +%H%M%S)-$name.XXX")
    (cd "$ANSIBLE" && ANSIBLE_NOCOLOR=1 ANSIBLE_SSH_CONTROL_PATH_DIR="$work/connections" inside ansible-playbook "${inventories[@]}" \
        -e "@$work/vars.yml" "playbooks/$name.yml" "$@") >"$log" 2>&1 </dev/null
}

well() {
    local begun=$SECONDS
    play "$@" || { tail -n 40 "$log" >&2; die "run $*: see $log"; }
    printf '  %s: %d s\n' "$1" "$((SECONDS - begun))"
}

# The playbook must fail, and say so: refused WORDS playbook [argument…].
refused() {
    local words=$1
    shift
    if play "$@"; then die "see $* fail: see $log"; fi
    tr '\n' ' ' <"$log" | tr -s ' ' | grep -qE "$words" || { tail -n 30 "$log" >&2; die "see \"$words\" in $log"; }
    printf '  %s: refused, %s\n' "$1" "$words"
}

unchanged() {
    ! grep -E '(changed|failed|unreachable)=[1-9]' "$log" >&2 || die "run it a second time without a change: see $log"
    grep -q 'changed=0' "$log" || die "find a recap in $log"
}

# Fails, with the words, unless the command succeeds.
expect() {
    local words=$1
    shift
    "$@" || die "see that $words"
    printf '  %s\n' "$words"
}

# Tries the command until it succeeds, for at most a minute.
until_true() {
    local tries
    for ((tries = 0; tries < 240; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.25
    done
    return 1
}

is() { [[ $(of_github "$1") == True ]]; }

asked_as_described() { is 'not state["faults"]' || { of_github 'state["faults"]' >&2 && return 1; }; }

no_secret_was_shown() {
    ! grep -lE "$SECRETS" "$work"/logs/* || return 1
    local host
    for host in "${!machines[@]}"; do
        on "$host" journalctl --no-pager >"$work/journal" || return 1
        ! grep -E "$SECRETS" "$work/journal" || return 1
    done
}

# Both hosts, fresh or not, have their runner afterwards. $first is the seconds that it took the first time.
provisioned=false
provision() {
    $provisioned && return
    # What a host is compared with once its runner is gone, whatever suite comes first.
    [[ -e $work/before ]] || contents runner-production-1 >"$work/before"
    local begun=$SECONDS
    well runner-provision
    : "${first:=$((SECONDS - begun))}"
    provisioned=true
}

# The first host is afterwards as it was before it had a runner.
bare() {
    local here
    here=$(on runner-production-1 find /srv -maxdepth 1 -name github-runner)
    [[ -z $here ]] || well runner-decommission --limit runner-production-1 -e github_runner_remove_docker=true
    provisioned=false
}

# What a host holds: files, users, units, firewall; but for what the system itself remembers.
contents() {
    on "$1" find / -xdev '(' -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/tmp -o -path /var/log \
        -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /home -o -path /root \
        ')' -prune -o -print | grep -vE '/__pycache__|/var/lib/systemd/timers/stamp-(apt|dpkg|e2scrub|fstrim|logrotate)' | sort
    on "$1" cat /etc/passwd /etc/group
    on "$1" systemctl list-unit-files --no-legend --no-pager
    on "$1" nft --stateless list ruleset
    on "$1" ls /sys/class/net
}

readonly RUNNER=/srv/github-runner/runner
readonly SERVICE=actions.runner.acme.runner-production-1.service

reaches() { inside python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' "$@" 2>/dev/null; }
shut() { ! reaches "$@"; }

# Lets a job begin and end on a host's runner.
begin_job() {
    on "$1" sh -c "rm -f $RUNNER/end-job $RUNNER/job.log; install -o github-runner /dev/null $RUNNER/start-job"
    until_true on "$1" grep -q '^started\|^hook failed' $RUNNER/job.log || die "begin a job on $1"
}
end_job() { on "$1" touch $RUNNER/end-job; }

for suites_file in "$ANSIBLE"/tests/suites/*.sh; do
    # shellcheck source=/dev/null
    . "$suites_file"
done
