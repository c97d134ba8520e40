# shellcheck shell=bash
# What dist-scripts/infra does with its hosts, suite by suite. Sourced by it: what is not set here it sets, or reads.
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
    inside python3 "$ANSIBLE/tests/github.py" "$PREFIX.1" 8080 "$archive" >"$work/logs/github" 2>&1 &
    stand_in=$!
    # The shipped inventory, with the addresses of these hosts.
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
        github >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    die "start the stand-in for GitHub: see $work/logs/github"
}

# Shows the stand-in's state, or changes it: github '{"expired": true}'.
github() {
    inside python3 -c 'import sys, urllib.request as r
print(r.urlopen(sys.argv[1], sys.argv[2].encode() if len(sys.argv) > 2 else None, timeout=10).read().decode())' "$GITHUB/test" "$@"
}

# Evaluates a Python expression over the stand-in's state.
of_github() { github | python3 -c 'import json, sys
state = json.load(sys.stdin)
print(eval(f"({sys.argv[1]})"))' "$1"; }

# Connections are kept in this run's folder: another run may have hosts at the same addresses.
# Runs a playbook: play NAME [argument…]. What it says goes to $log; the exit code is Ansible's.
play() {
    local name=$1
    shift
    log=$(mktemp "$work/logs/$(date +%H%M%S)-$name.XXX")
    (cd "$ANSIBLE" && ANSIBLE_NOCOLOR=1 ANSIBLE_SSH_CONTROL_PATH_DIR="$work/connections" inside ansible-playbook -i inventories/production -i "$work/hosts.yml" \
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

no_secret_was_shown() {
    ! grep -lE "$SECRETS" "$work"/logs/* || return 1
    local host
    for host in runner-production-1 runner-production-2; do
        ! on "$host" journalctl --no-pager | grep -E "$SECRETS" || return 1
    done
}

provisioned=false
provision() {
    $provisioned || well runner-provision
    provisioned=true
}

# What a host holds, but for what a package manager and logs remember.
contents() {
    on "$1" find / -xdev '(' -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/tmp -o -path /var/log \
        -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /home -o -path /root \
        ')' -prune -o -print | grep -v '/__pycache__' | sort
    on "$1" cat /etc/passwd /etc/group
}

readonly RUNNER=/srv/github-runner/runner
readonly SERVICE=actions.runner.acme.runner-production-1.service

suite_runner() {
    contents runner-production-1 >"$work/before"
    well runner-provision --check --diff
    contents runner-production-1 >"$work/checked"
    expect 'a check changes nothing' diff "$work/before" "$work/checked"
    provision
    well runner-provision
    unchanged
    well runner-provision --check --diff
    unchanged
    expect 'GitHub sees both runners online, with the label production, in the group production' is \
        '[(r["name"], r["status"], [l["name"] for l in r["labels"]][3:]) for r in sorted(state["runners"], key=lambda r: r["name"])]
        == [(f"runner-production-{n}", "online", ["production"]) for n in (1, 2)]
        and {r["runner_group_id"] for r in state["runners"]} == {g["id"] for g in state["groups"] if g["name"] == "production"}'
    expect 'the primary knows its role' on runner-production-1 grep -qx BATON_RUNNER_ROLE=primary $RUNNER/.env
    expect 'the secondary knows its role' on runner-production-2 grep -qx BATON_RUNNER_ROLE=secondary $RUNNER/.env
    expect "the runner's service runs and is enabled" on runner-production-1 systemctl is-enabled --quiet $SERVICE
    expect 'Docker answers the runner' on runner-production-1 sudo -u github-runner docker version --format '{{.Server.Version}}'
    expect 'the runner has no sudo' on runner-production-1 sh -c '! sudo -u github-runner sudo -n true 2>/dev/null'
    expect 'ssh takes no password' on runner-production-1 sh -c 'sshd -T | grep -qx "passwordauthentication no"'
    on runner-production-1 systemd-run --quiet --unit=listen-9101 python3 -m http.server 9101
    on runner-production-1 systemd-run --quiet --unit=listen-8000 python3 -m http.server 8000
    expect 'the firewall lets the scraper in' until_true reaches "$PREFIX.11" 9101
    expect 'the firewall lets nothing else in' shut "$PREFIX.11" 8000
    on runner-production-1 systemctl stop listen-9101 listen-8000
    expect 'no secret was shown' no_secret_was_shown
}

reaches() { inside python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' "$@" 2>/dev/null; }
shut() { ! reaches "$@"; }

# Lets a job begin and end on a host's runner.
begin_job() {
    on "$1" sh -c "rm -f $RUNNER/end-job $RUNNER/job.log; install -o github-runner /dev/null $RUNNER/start-job"
    until_true on "$1" grep -q '^started\|^hook failed' $RUNNER/job.log || die "begin a job on $1"
}
end_job() { on "$1" touch $RUNNER/end-job; }

suite_configure() {
    provision
    well runner-configure
    unchanged
    on runner-production-1 sudo -u github-runner mkdir -p $RUNNER/_work/shop/shop/left
    begin_job runner-production-1
    expect 'a job meets its role, and no secret' on runner-production-1 sh -c \
        "grep -qx \"role primary\" $RUNNER/job.log && grep -qxF \"secrets []\" $RUNNER/job.log"
    expect 'what an earlier job left is gone' on runner-production-1 test ! -e $RUNNER/_work/shop/shop/left

    # A change that needs a restart, while a job runs: the job ends first, and the labels come back.
    play runner-configure --limit runner-production-1 -e github_runner_role=secondary -e github_runner_job_minimum_disk_gb=90000 &
    local configuring=$!
    expect 'the labels are gone while it waits for the job' until_true is \
        '[r["labels"][3:] for r in state["runners"] if r["name"] == "runner-production-1"] == [[]]'
    expect 'the job goes on' on runner-production-1 sh -c 'grep -qs Runner[.]Worker /proc/[0-9]*/cmdline'
    end_job runner-production-1
    expect 'the change is made after the job' wait "$configuring"
    expect 'the labels are back' is '["production"] == [l["name"] for r in state["runners"] if r["name"] == "runner-production-1" for l in r["labels"][3:]]'
    until_true is 'all(not r["busy"] for r in state["runners"])'
    begin_job runner-production-1
    expect 'a job without room fails at once, with the reason' on runner-production-1 sh -c \
        "grep -q \"::error::failed to start the job: .* wanted are 90000 GB\" $RUNNER/job.log && grep -qx \"role secondary\" $RUNNER/job.log"
    well runner-configure
    well runner-configure
    unchanged
    on runner-production-1 sudo -u github-runner touch -d '-40 days' $RUNNER/_diag/Runner_old.log
    on runner-production-1 systemctl start github-runner-logs.service
    expect 'old logs are removed, new ones stay' on runner-production-1 sh -c \
        "test ! -e $RUNNER/_diag/Runner_old.log && ls $RUNNER/_diag/Runner_*.log >/dev/null"
    expect 'the service is limited' on runner-production-1 sh -c "systemctl show -P TasksMax $SERVICE | grep -qx 16384"
    expect 'no secret was shown' no_secret_was_shown
}

suite_decommission() {
    [[ -e $work/before ]] || contents runner-production-1 >"$work/before"
    provision
    refused 'name the hosts with --limit' runner-decommission
    well runner-decommission --check --limit runner-production-1
    begin_job runner-production-1
    play runner-decommission --limit runner-production-1 -e github_runner_remove_docker=true &
    local removing=$!
    expect 'the labels are gone while it waits for the job' until_true is \
        '[r["labels"][3:] for r in state["runners"] if r["name"] == "runner-production-1"] == [[]]'
    expect 'the job goes on' kill -0 "$removing"
    end_job runner-production-1
    expect 'the runner is removed after the job' wait "$removing"
    expect 'GitHub knows it no more' is '[r["name"] for r in state["runners"]] == ["runner-production-2"]'
    contents runner-production-1 >"$work/after"
    expect 'nothing is left behind' diff "$work/before" "$work/after"
    expect 'no process is left behind' on runner-production-1 sh -c '! grep -lsE "Runner[.]|[d]ockerd" /proc/[0-9]*/cmdline'
    well runner-decommission --limit runner-production-1 -e github_runner_remove_docker=true
    unchanged
    provisioned=false
    well runner-provision --limit runner-production-1 -e github_runner_registration=just-in-time
    expect 'GitHub sees a runner for one job' is \
        '[(r["status"], r["ephemeral"]) for r in state["runners"] if r["name"] == "runner-production-1"] == [("online", True)]'
    well runner-provision --limit runner-production-1 -e github_runner_registration=just-in-time
    unchanged
    begin_job runner-production-1
    expect 'its job meets no secret' on runner-production-1 grep -qxF 'secrets []' $RUNNER/job.log
    end_job runner-production-1
    expect 'it is gone after its job' until_true is '[r["name"] for r in state["runners"]] == ["runner-production-2"]'
    well runner-provision --limit runner-production-1 -e github_runner_registration=just-in-time
    expect 'provisioned again, it takes one more' is \
        '[r["status"] for r in state["runners"] if r["name"] == "runner-production-1"] == ["online"]'
    well runner-decommission --limit runner-production-1
    expect 'no secret was shown' no_secret_was_shown
}

suite_failures() {
    local only='--limit runner-production-1'
    # shellcheck disable=SC2086 # an option and its word
    if [[ -n $(on runner-production-1 sh -c "ls -d $RUNNER 2>/dev/null || true") ]]; then well runner-decommission $only; fi
    # shellcheck disable=SC2086
    {
        refused 'failed to accept runner-production-1: it has .* wanted are 4000 cores' runner-provision $only -e github_runner_minimum_cores=4000
        refused 'refused the token \(401\)' runner-provision $only -e github_runner_api_token=wrong
        refused 'GitHub.s token; set github_runner_api_token' runner-provision $only -e github_runner_api_token=
        refused 'failed to ask GitHub .* is out of reach' runner-provision $only -e github_runner_api_url=http://$PREFIX.1:9
        refused 'which is in none of github_runner_ssh_sources' runner-provision $only -e '{"baton_ssh_sources": ["'"$PREFIX.99/32"'"]}'
        refused 'checksum' runner-provision $only -e "{\"github_runner_sha256\": {\"x64\": \"$(printf '0%.0s' {1..64})\", \"arm64\": \"$(printf '0%.0s' {1..64})\"}}"
        expect 'of an archive that is another nothing is unpacked' on runner-production-1 test ! -e $RUNNER -a ! -e /srv/github-runner/runner.tar.gz
        github '{"expired": true}' >/dev/null
        refused 'failed to register runner-production-1 at .*404' runner-provision $only
        github '{"expired": false}' >/dev/null
        expect 'after a token that expired in the middle nothing is half installed' on runner-production-1 sh -c \
            "test ! -e $RUNNER && ! ls /etc/systemd/system/actions.runner.* 2>/dev/null"
        refused 'Default: public repositories may use it' runner-provision $only -e github_runner_group=Default
    }
    # One host that is out of reach does not keep the others from their runner.
    end_host runner-production-2
    if play runner-provision; then die 'see a host that is out of reach fail the play'; fi
    expect 'the host that is there has its runner' grep -qE 'runner-production-1 .*failed=0' "$log"
    expect 'the host that is not is named' grep -qE 'runner-production-2 .*unreachable=1' "$log"
    expect 'no secret was shown' no_secret_was_shown
}

suite_deploy() {
    local guard=${BATON_FENCE_GUARD:-companions/fence-guard/bin/fence-guard-linux-x64} sum
    guard=$(realpath -e "$guard") || die 'find fence-guard; run make dist first, or set BATON_FENCE_GUARD'
    sum=$(sha256sum "$guard" | cut -d' ' -f1)
    local guarded=(-e "fence_guard_binary=$guard" -e "fence_guard_sha256=$sum")
    export BATON_RUNNER=runner-production-1 BATON_ACTOR=octocat
    deployment() { export BATON_FENCING_TOKEN=$1 BATON_DEPLOYMENT_ID=acme/shop/$1/1 BATON_VERSION=$2; }

    deployment 1 v1
    refused 'its SHA-256 is' deploy -e "fence_guard_binary=$guard" -e "fence_guard_sha256=$(printf '0%.0s' {1..64})"
    well deploy --check --diff "${guarded[@]}"
    well deploy "${guarded[@]}"
    well deploy "${guarded[@]}"
    unchanged
    well validate-production-deploy
    unchanged
    deployment 2 v2
    refused 'failed to find web-production-1 at v2: it is at v1' validate-production-deploy
    well deploy "${guarded[@]}"
    well validate-production-deploy
    deployment 1 v1
    refused 'exit code 77.*has admitted token 2' deploy "${guarded[@]}"

    # A version that cannot be released: on-failure rolls back under the same token.
    deployment 3 v3
    on web-production-1 sh -c 'touch /srv/example/v3'
    refused 'failed to release v3' deploy "${guarded[@]}"
    well rollback-production
    BATON_VERSION=v2 well validate-production-deploy
    # A person, without a lease.
    unset BATON_FENCING_TOKEN BATON_DEPLOYMENT_ID BATON_VERSION
    well rollback-production
    unchanged
    well rollback-production -e rollback_version=v1
    BATON_VERSION=v1 well validate-production-deploy
    well rollback-production --check
    on web-production-1 systemctl stop example.service
    refused 'service example.service is inactive; http://localhost:8080/version answers with -1' validate-production-deploy
}

suite_exporter() {
    local exporter=${BATON_RUNNER_EXPORTER:-companions/runner-exporter/bin/runner-exporter-linux-x64} sum
    exporter=$(realpath -e "$exporter") || die 'find runner-exporter; run make dist first, or set BATON_RUNNER_EXPORTER'
    sum=$(sha256sum "$exporter" | cut -d' ' -f1)
    local given=(--limit runner-production-1 -e "runner_exporter_binary=$exporter" -e "runner_exporter_sha256=$sum")
    provision
    [[ -e $work/provisioned ]] || contents runner-production-1 >"$work/provisioned"
    refused 'its SHA-256 is' deploy-runner-exporter "${given[@]}" -e "runner_exporter_sha256=$(printf '0%.0s' {1..64})"
    well deploy-runner-exporter --check --diff "${given[@]}"
    well deploy-runner-exporter "${given[@]}"
    well deploy-runner-exporter "${given[@]}"
    unchanged
    expect 'a runner that is connected is 1, through the firewall' until_true says \
        'runner_status{runner="runner-production-1",environment="production",role="primary",authorized_for_prod="true"} 1'
    on runner-production-1 systemctl stop $SERVICE
    expect 'a runner whose service is stopped is 0' until_true says \
        'runner_status{runner="runner-production-1",environment="production",role="primary",authorized_for_prod="true"} 0'
    on runner-production-1 systemctl start $SERVICE
    expect 'started again, it is 1' until_true says \
        'runner_status{runner="runner-production-1",environment="production",role="primary",authorized_for_prod="true"} 1'
    well deploy-runner-exporter "${given[@]}" -e runner_exporter_state=absent
    contents runner-production-1 | sed '/_diag/d' >"$work/after"
    sed -i '/_diag/d' "$work/provisioned"
    expect 'nothing of the exporter is left behind' diff "$work/provisioned" "$work/after"
}

says() {
    inside python3 -c 'import sys, urllib.request as r
sys.exit(sys.argv[2] not in r.urlopen(sys.argv[1], timeout=10).read().decode())' "http://$PREFIX.11:9101/metrics" "$1"
}
