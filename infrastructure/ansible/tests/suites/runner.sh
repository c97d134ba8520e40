# shellcheck shell=bash
# The life of a runner: provisioned, configured, decommissioned. Sourced by suites.sh.
# shellcheck disable=SC2154,SC2034

suite_runner() {
    contents runner-production-1 >"$work/before"
    well runner-provision --check --diff
    contents runner-production-1 >"$work/checked"
    expect 'a check changes nothing' diff "$work/before" "$work/checked"
    provision
    local begun=$SECONDS
    well runner-provision
    unchanged
    printf '  runner-provision on both hosts: %d s the first time (promised: 180), %d s the second (promised: 30)\n' "$first" "$((SECONDS - begun))"
    well runner-provision --check --diff
    unchanged
    well runner-provision --limit runner-production-1 -e '{"github_runner_labels": ["production", "eu"]}'
    expect 'labels that have changed are set' is \
        '["production", "eu"] == [l["name"] for r in state["runners"] if r["name"] == "runner-production-1" for l in r["labels"][3:]]'
    well runner-provision --limit runner-production-1
    expect 'GitHub sees both runners online, with the label production, in the group production' is \
        '[(r["name"], r["status"], [l["name"] for l in r["labels"]][3:]) for r in sorted(state["runners"], key=lambda r: r["name"])]
        == [(f"runner-production-{n}", "online", ["production"]) for n in (1, 2)]
        and {r["runner_group_id"] for r in state["runners"]} == {g["id"] for g in state["groups"] if g["name"] == "production"}'
    expect 'the primary knows its role' on runner-production-1 grep -qx BATON_RUNNER_ROLE=primary "$RUNNER/.env"
    expect 'the secondary knows its role' on runner-production-2 grep -qx BATON_RUNNER_ROLE=secondary "$RUNNER/.env"
    expect "the runner's service runs and is enabled" on runner-production-1 systemctl is-enabled --quiet "$SERVICE"
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

suite_configure() {
    provision
    well runner-configure
    unchanged
    on runner-production-1 sudo -u github-runner mkdir -p "$RUNNER/_work/shop/shop/left"
    begin_job runner-production-1
    expect 'a job meets its role, and no secret' on runner-production-1 sh -c \
        "grep -qx \"role primary\" $RUNNER/job.log && grep -qxF \"secrets []\" $RUNNER/job.log"
    expect 'what an earlier job left is gone' on runner-production-1 test ! -e "$RUNNER/_work/shop/shop/left"

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
    on runner-production-1 sudo -u github-runner touch -d '-40 days' "$RUNNER/_diag/Runner_old.log"
    on runner-production-1 systemctl start github-runner-logs.service
    expect 'old logs are removed, new ones stay' on runner-production-1 sh -c \
        "test ! -e $RUNNER/_diag/Runner_old.log && ls $RUNNER/_diag/Runner_*.log >/dev/null"
    expect 'the service is limited' on runner-production-1 sh -c "systemctl show -P TasksMax $SERVICE | grep -qx 16384"
    expect 'no secret was shown' no_secret_was_shown
}

suite_decommission() {
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
    expect 'no secret was shown' no_secret_was_shown
}
