# shellcheck shell=bash
# Prometheus and Alertmanager on a host of their own, deployed to, and watching the runners. Sourced by suites.sh.
# shellcheck disable=SC2154,SC2034,SC2016

readonly MONITORING_TREE=$TREE-monitoring
export BATON_GRAFANA_TOKEN=grafana-token-Xk27

# The tree of the host with Prometheus and Alertmanager in it, as Debian's packages install them.
make_monitoring_tree() {
    local lock
    exec {lock}>"$MONITORING_TREE.lock"
    flock "$lock"
    [[ -d $MONITORING_TREE ]] || grow_monitoring_tree
    exec {lock}>&-
}

grow_monitoring_tree() {
    local new
    new=$(mktemp -d "$MONITORING_TREE.XXXXXX")
    cp -a --reflink=auto "$TREE/." "$new"
    {
        # Nothing is started while it is a tree alone.
        printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
        chmod +x "$new/usr/sbin/policy-rc.d"
        chroot "$new" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager
        rm "$new/usr/sbin/policy-rc.d"
    } >"$work/logs/monitoring-tree" 2>&1 || die "install Prometheus: see $work/logs/monitoring-tree"
    rm -rf "$new"/var/lib/prometheus/metrics2/*
    # One cluster of one: nobody else is looked for.
    echo 'ARGS="--cluster.listen-address="' >"$new/etc/default/prometheus-alertmanager"
    echo 'ARGS="--storage.tsdb.retention.time=32d --web.enable-lifecycle"' >"$new/etc/default/prometheus"
    mv "$new" "$MONITORING_TREE"
}

monitoring_runs=false
boot_monitoring() {
    $monitoring_runs && return
    make_monitoring_tree
    printf 'Host monitoring-production-1\n    HostName %s\n' "$PREFIX.31" >>"$work/ssh_config"
    boot_host monitoring-production-1 31 "$MONITORING_TREE"
    # What runs there asks the runners, and is asked by playbooks; also for staging.
    sed -i "s/\(monitoring-[a-z]*-1\): .*/\1: {ansible_host: $PREFIX.31}/" "$work/hosts.yml" "$work/hosts-staging.yml"
    sed -i "s|^baton_scrape_sources: .*|baton_scrape_sources: [$PREFIX.1/32, $PREFIX.31/32]|" "$work/vars.yml"
    provisioned=false
    wait_for_host monitoring-production-1
    until_true of_prometheus status/buildinfo || die 'start Prometheus on monitoring-production-1'
    monitoring_runs=true
}

# Asks Prometheus, Alertmanager or the stand-in for Grafana, and prints the answer.
ask() {
    inside python3 -c 'import sys, urllib.request as r
print(r.urlopen(r.Request(sys.argv[1], method=sys.argv[2]), timeout=10).read().decode())' "$1" "${2-GET}"
}
of_prometheus() { ask "http://$PREFIX.31:9090/api/v1/$1"; }
query() { of_prometheus "query?query=$(python3 -c 'import sys, urllib.parse as p; print(p.quote(sys.argv[1]))' "$1")"; }
# Whether the query has this one value.
value_is() { query "$1" | python3 -c 'import json, sys
result = json.load(sys.stdin)["data"]["result"]
sys.exit([float(one["value"][1]) for one in result] != [float(sys.argv[1])])' "$2"; }
# Whether this alert stands in Alertmanager for this runner.
alerted() { ask "http://$PREFIX.31:9093/api/v2/alerts?active=true" | python3 -c 'import json, sys
sys.exit(not any(one["labels"]["alertname"] == sys.argv[1] and one["labels"].get("runner") == sys.argv[2]
    for one in json.load(sys.stdin)))' "$1" "$2"; }
silent() { ask "http://$PREFIX.31:9093/api/v2/status" >/dev/null && ! alerted "$@"; }

# Waits until the command succeeds, and says how long it took.
timed() {
    local words=$1 begun=${EPOCHREALTIME/./}
    shift
    until_true "$@" || until_true "$@" || die "see that $words"
    printf '  %s: %s s\n' "$words" "$(python3 -c 'import sys; print(round((int(sys.argv[2]) - int(sys.argv[1])) / 1e6, 1))' "$begun" "${EPOCHREALTIME/./}")"
}

# What of the host's /etc/prometheus there is, byte by byte.
configuration() { on monitoring-production-1 sh -c 'cd /etc/prometheus && find . -type f ! -name alertmanager.yml -exec sha256sum {} + | sort -k 2; find . -type d | sort'; }
# The rules that Prometheus has loaded, and what it asks.
loaded() { of_prometheus rules | python3 -c 'import json, sys
for group in json.load(sys.stdin)["data"]["groups"]:
    for rule in group["rules"]: print(group["file"], group["name"], rule["name"], rule["query"], rule.get("duration"))'; }

unloaded() { loaded >"$work/now" && ! grep -q " $1 " "$work/now"; }

start_grafana() {
    on monitoring-production-1 sh -c 'cat >/usr/local/lib/grafana.py' <"$ANSIBLE/tests/grafana.py"
    on monitoring-production-1 sh -c "umask 077; cat >/etc/grafana-token" <<<"$BATON_GRAFANA_TOKEN"
    on monitoring-production-1 sh -c 'for name in grafana-server:3000:/etc/grafana/provisioning grafana-api:3001:/nowhere; do
        IFS=: read -r unit port folder <<NAME
$name
NAME
        printf "[Service]\nExecStart=/usr/bin/python3 /usr/local/lib/grafana.py %s %s /etc/grafana-token\n[Install]\nWantedBy=multi-user.target\n" "$port" "$folder" >"/etc/systemd/system/$unit.service"
        systemctl enable --quiet --now "$unit"
    done'
    until_true ask "http://$PREFIX.31:3000/api/health" || die 'start the stand-in for Grafana'
    until_true ask "http://$PREFIX.31:3001/api/health" || die 'start the stand-in for Grafana'
}
# Evaluates a Python expression over the state of the stand-in on a port.
of_grafana() { ask "http://$PREFIX.31:$1/test" | python3 -c 'import json, sys
state = json.load(sys.stdin)
sys.exit(not eval(f"({sys.argv[1]})"))' "$2"; }

no_token_of_grafana_was_shown() {
    ! grep -lF "$BATON_GRAFANA_TOKEN" "$work"/logs/* && ! on monitoring-production-1 journalctl --no-pager | grep -F "$BATON_GRAFANA_TOKEN"
}

suite_monitoring() {
    local exporter=${BATON_RUNNER_EXPORTER:-companions/runner-exporter/bin/runner-exporter-linux-x64} sum exporter_given
    exporter=$(realpath -e "$exporter") || die 'find runner-exporter; run make dist first, or set BATON_RUNNER_EXPORTER'
    sum=$(sha256sum "$exporter" | cut -d' ' -f1)
    exporter_given=(-e "runner_exporter_binary=$exporter" -e "runner_exporter_sha256=$sum")
    boot_monitoring
    provision
    monitoring_alerts
    monitoring_boards
    monitoring_whole
    monitoring_watched
    monitoring_unit
    monitoring_validated
    expect "Grafana's token was not shown" no_token_of_grafana_was_shown
    expect 'no other secret was shown' no_secret_was_shown
}

monitoring_alerts() {
    # The shipped example, with its Alertmanager on this host.
    sed -e 's/^# \(alerting:\|  alertmanagers:\|    - static_configs:\|        - targets: \[alertmanager\)/\1/' \
        -e 's/alertmanager\.internal:9093/localhost:9093/' "$ROOT/infrastructure/prometheus/prometheus.yml" >"$work/prometheus.yml"
    grep -q '^        - targets: \[localhost:9093\]' "$work/prometheus.yml" || die 'give the example its Alertmanager'
    local config=(-e "prometheus_rules_config=$work/prometheus.yml")

    configuration >"$work/configuration"
    well deploy-prometheus-alerts --check --diff "${config[@]}"
    expect 'a check changes nothing' diff "$work/configuration" <(configuration)
    refused 'failed to see [0-9]+ of [0-9]+ rules .* does the rule_files of its configuration name .*; what was there before is back' deploy-prometheus-alerts
    expect 'where Prometheus does not read the rules, all is put back' diff "$work/configuration" <(configuration)

    well deploy-prometheus-alerts "${config[@]}"
    well deploy-prometheus-alerts "${config[@]}"
    unchanged
    well deploy-prometheus-alerts --check --diff "${config[@]}"
    unchanged
    configuration >"$work/configuration"
    loaded >"$work/loaded"
    expect 'every rule of the project is loaded' test "$(wc -l <"$work/loaded")" -eq \
        "$(cat "$ROOT"/infrastructure/prometheus/rules/*.yml | grep -cE '^ +- (alert|record): ')"

    # One wrong rule among good ones that changed.
    cp -r "$ROOT/infrastructure/prometheus/rules" "$work/wrong"
    sed -i 's/for: 5m/for: 4m/' "$work/wrong/alerts.yml"
    sed -i '0,/expr: /s/expr: .*/expr: last_over_time(runner_status[3m]/' "$work/wrong/runners.yml"
    refused 'failed to accept the rules and targets, and changed nothing: .*rules/runners.yml' deploy-prometheus-alerts -e "prometheus_rules_source=$work/wrong"
    refused 'failed to accept the rules and targets, and changed nothing: .*rules/runners.yml' deploy-prometheus-alerts --check -e "prometheus_rules_source=$work/wrong"
    expect 'a wrong rule leaves the files as they were' diff "$work/configuration" <(configuration)
    expect 'and what Prometheus has loaded' diff "$work/loaded" <(loaded)

    # Good rules, and a configuration that is wrong.
    sed 's/^scrape_configs:/scrape_confgs:/' "$work/prometheus.yml" >"$work/wrong.yml"
    cp -r "$ROOT/infrastructure/prometheus/rules" "$work/other"
    sed -i 's/for: 5m/for: 4m/' "$work/other/runners.yml"
    refused 'failed to accept /etc/prometheus/prometheus.yml: .*; what was there before is back' deploy-prometheus-alerts \
        -e "prometheus_rules_config=$work/wrong.yml" -e "prometheus_rules_source=$work/other"
    expect 'what was taken over with a wrong configuration is put back' diff "$work/configuration" <(configuration)
    expect 'and what Prometheus has loaded is as before' diff "$work/loaded" <(loaded)

    # Ended between the files and the reload: the next run makes up for it.
    on monitoring-production-1 sh -c 'sed -i "s/for: 5m/for: 4m/" /etc/prometheus/rules/runners.yml'
    well deploy-prometheus-alerts -e "prometheus_rules_source=$work/other"
    expect 'a reload that was missed is made up for' test "$(loaded | grep -c ' RunnerOfflinePrimary .* 240')" -eq 1
    well deploy-prometheus-alerts -e prometheus_rules_service= -e '{"prometheus_rules_left_out": ["figures.yml", "totals.yml", "alerts.yml"]}'
    expect 'rules that are left out are gone, by the reload of the API' test "$(loaded | cut -d' ' -f1 | sort -u)" = /etc/prometheus/rules/runners.yml
    well deploy-prometheus-alerts
    expect 'and come back' diff "$work/loaded" <(loaded)

    # The same Prometheus watches staging.
    inventory=staging well deploy-prometheus-alerts
    expect "each inventory has its own targets" test "$(on monitoring-production-1 sh -c 'cd /etc/prometheus/targets && echo *')" = 'production.json staging.json'
    expect "staging leaves production's as they were" diff <(grep targets/production.json "$work/configuration") <(configuration | grep targets/production.json)
    well deploy-prometheus-alerts
    unchanged
    inventory=staging well deploy-prometheus-alerts
    unchanged
    on monitoring-production-1 rm /etc/prometheus/targets/staging.json
    on monitoring-production-1 systemctl stop prometheus
    refused 'failed to reach Prometheus at http://localhost:9090 of monitoring-production-1' deploy-prometheus-alerts
    on monitoring-production-1 systemctl start prometheus
    until_true of_prometheus status/buildinfo || die 'start Prometheus again'
}

monitoring_boards() {
    start_grafana
    contents monitoring-production-1 | grep -v ^/var/lib/prometheus/ >"$work/before-boards"
    well deploy-grafana-dashboard --check --diff
    expect 'a check changes nothing' diff "$work/before-boards" <(contents monitoring-production-1 | grep -v ^/var/lib/prometheus/)
    well deploy-grafana-dashboard
    well deploy-grafana-dashboard
    unchanged
    expect 'both boards are there by file' of_grafana 3000 \
        'sorted(state["boards"]) == ["baton-deployments", "baton-runner-health"] and all(one["provisioned"] for one in state["boards"].values())
        and [one["title"] for one in state["folders"].values()] == ["Deployments"] and not state["sent"]'
    refused 'refused the token \(401\)' deploy-grafana-dashboard -e grafana_dashboards_token=wrong
    # What is from a file may not be sent as well.
    refused 'answered with 400, Cannot save provisioned dashboard|answered with 409' deploy-grafana-dashboard -e grafana_dashboards_by=api

    local sent=(-e grafana_dashboards_by=api -e grafana_dashboards_url=http://localhost:3001)
    well deploy-grafana-dashboard --check --diff "${sent[@]}"
    expect 'a check sends nothing' of_grafana 3001 'not state["sent"]'
    well deploy-grafana-dashboard "${sent[@]}"
    expect 'the API has the folder and both boards in it' of_grafana 3001 \
        '[(one["dashboard"]["version"], one["folder"]) for one in state["boards"].values()] == [(1, "baton")] * 2
        and state["sent"] == ["/api/folders", "/api/dashboards/db", "/api/dashboards/db"]'
    well deploy-grafana-dashboard "${sent[@]}"
    unchanged
    well deploy-grafana-dashboard --check "${sent[@]}"
    unchanged
    expect 'a second run sends nothing' of_grafana 3001 'len(state["sent"]) == 3'
    cp -r "$ROOT/infrastructure/grafana" "$work/grafana"
    sed -i '0,/"refresh": "1m"/s//"refresh": "5m"/' "$work/grafana/dashboards/runner-health.json"
    well deploy-grafana-dashboard "${sent[@]}" -e "grafana_dashboards_source=$work/grafana"
    expect 'the board that changed is sent, and that alone' of_grafana 3001 \
        '{uid: one["dashboard"]["version"] for uid, one in state["boards"].items()} == {"baton-runner-health": 2, "baton-deployments": 1}'
    refused 'for the API set BATON_GRAFANA_TOKEN' deploy-grafana-dashboard "${sent[@]}" -e grafana_dashboards_token=
    refused 'refused the token \(401\)' deploy-grafana-dashboard "${sent[@]}" -e grafana_dashboards_token=wrong
    refused 'is out of reach' deploy-grafana-dashboard "${sent[@]}" -e grafana_dashboards_url=http://localhost:9
}

# Runs the commands under a heading of the page as they stand there.
page() {
    log=$(mktemp "$work/logs/$(date +%H%M%S)-page.XXX")
    awk -v heading="## $2" '/^## / { here = $0 == heading } /^```/ { block = here && $0 == "```sh"; next } block' \
        "$ROOT/docs/infrastructure/monitoring-stack.md" >"$work/page.sh"
    [[ -s $work/page.sh ]] || die "find commands under $2"
    (cd "$1" && ANSIBLE_NOCOLOR=1 ANSIBLE_SSH_CONTROL_PATH_DIR="$work/connections" INVENTORY=$work/page/production EXPORTER=$exporter SHA256=$sum \
        inside bash -euo pipefail "$work/page.sh") >"$log" 2>&1 </dev/null || { tail -n 40 "$log" >&2; die "run what stands under $2: see $log"; }
}

monitoring_whole() {
    # The shipped inventory, whose addresses and variables are this run's.
    cp -r "$ANSIBLE/inventories/production" "$work/page-inventory"
    mkdir "$work/page" "$work/page-inventory/host_vars"
    mv "$work/page-inventory" "$work/page/production"
    cp "$work/hosts.yml" "$work/page/production/zz-addresses.yml"
    local host
    for host in runner-production-1 runner-production-2 monitoring-production-1; do
        cp "$work/vars.yml" "$work/page/production/host_vars/$host.yml"
    done
    expect 'there is no exporter yet' on runner-production-1 test ! -e /etc/systemd/system/runner-exporter.service
    page "$ANSIBLE" 'By Ansible'
    expect 'what the page says brings the exporter' until_true says 'runner_status{'
    well deploy-runner-monitoring "${exporter_given[@]}"
    unchanged
    page "$ANSIBLE" 'By Ansible'
    unchanged
}

monitoring_watched() {
    # The rules as they are, but waiting for seconds: a copy for this test alone.
    mkdir "$work/quick"
    cp "$ROOT"/infrastructure/prometheus/rules/*.yml "$work/quick/"
    sed -i -e 's/for: [0-9]*m$/for: 2s/' -e 's/interval: 1m$/interval: 1s/' "$work/quick/runners.yml"
    ! diff -q "$work/quick/runners.yml" "$ROOT/infrastructure/prometheus/rules/runners.yml" >/dev/null || die 'shorten the rules'
    well deploy-prometheus-alerts -e "prometheus_rules_source=$work/quick"
    local status='runner_status{runner="runner-production-1",role="primary",environment="production",job="github-runner-health"}'
    timed 'Prometheus has the runner at 1' value_is "$status" 1
    timed 'nobody is alerted' silent RunnerOfflinePrimary runner-production-1
    on runner-production-1 systemctl stop "$SERVICE"
    timed 'stopped: runner_status is 0 at the next scrape (every 15 s)' value_is "$status" 0
    timed 'then: RunnerOfflinePrimary is in Alertmanager (for: 2s instead of 5m)' alerted RunnerOfflinePrimary runner-production-1
    expect 'the secondary is not alerted of' silent RunnerOfflineSecondary runner-production-2
    on runner-production-1 systemctl start "$SERVICE"
    timed 'started: runner_status is 1' value_is "$status" 1
    timed 'then: the alert is resolved' silent RunnerOfflinePrimary runner-production-1
    well deploy-prometheus-alerts
    expect 'the rules are as shipped again' diff "$work/loaded" <(loaded)
}

monitoring_unit() {
    local exposure
    exposure=$(on runner-production-1 systemd-analyze security --no-pager runner-exporter.service | sed -n 's/.*Overall exposure level for runner-exporter.service: \([0-9.]*\).*/\1/p')
    expect "the exporter's unit is closed: systemd-analyze security gives ${exposure:-nothing}, at most 2.0" \
        python3 -c 'import sys; sys.exit(not 0 < float(sys.argv[1]) <= 2.0)' "$exposure"
    local first
    rm -f "$work/reloaded"
    first=$(on runner-production-1 systemctl show -P MainPID runner-exporter)
    # Scrapes without a pause while it is reloaded ten times, until the last reload is over.
    inside python3 - "http://$PREFIX.11:9101/metrics" "$work/reloaded" >"$work/scrapes" <<'PYTHON' &
import os, sys, urllib.request
well = lost = 0
while not (os.path.exists(sys.argv[2]) and well >= 100):
    try:
        well += b"runner_status{" in urllib.request.urlopen(sys.argv[1], timeout=10).read()
    except OSError:
        lost += 1
    if lost > 10:
        break
print(well, lost)
PYTHON
    local scraping=$!
    on runner-production-1 sh -c 'for n in 1 2 3 4 5 6 7 8 9 10; do systemctl reload runner-exporter || exit 1; done'
    touch "$work/reloaded"
    wait "$scraping"
    local answered lost
    read -r answered lost <"$work/scrapes"
    expect "ten reloads lose none of $answered scrapes" test "$lost" -eq 0
    expect 'and are no restart' test "$first" -gt 1 -a "$first" = "$(on runner-production-1 systemctl show -P MainPID runner-exporter)"
    on runner-production-1 systemctl stop runner-exporter
    expect 'SIGTERM ends it well' test "$(on runner-production-1 systemctl show -p Result -p ExecMainCode -p ExecMainStatus runner-exporter | tr '\n' ' ')" = \
        'Result=success ExecMainCode=1 ExecMainStatus=0 '
    on runner-production-1 systemctl start runner-exporter
}

# Runs validate-runner on the suite's host: what it prints goes to $work/validated, its exit code is its own.
validate() {
    (cd "$ANSIBLE" && ANSIBLE_SSH_CONTROL_PATH_DIR="$work/connections" inside "$ROOT/dist-scripts/validate-runner" -i inventories/production -i "$work/hosts.yml" \
        runner-production-1 -e "@$work/vars.yml" "$@") >"$work/validated" 2>"$work/logs/validate-runner"
}
# The check $1 must fail with the words $2: broken CHECK WORDS [argument…]. Others may fail with it.
broken() {
    local check=$1 words=$2 status=0
    shift 2
    validate "$@" || status=$?
    if ((status != 1)) || [[ $(grep -cE '^(✅|❌) ' "$work/validated") != 8 ]] || ! grep -qE "^❌ $check +.*$words.*; mend: " "$work/validated"; then
        cat "$work/validated" "$work/logs/validate-runner" >&2
        die "see the check $check fail with \"$words\" (exit code $status)"
    fi
    printf '  broken: %s\n' "$(grep "^❌ $check" "$work/validated")"
}
healthy() {
    until_true validate || { cat "$work/validated" "$work/logs/validate-runner" >&2; die 'see validate-runner find all well'; }
    [[ $(grep -c '^✅ ' "$work/validated") == 8 ]] || die 'see eight checks'
}

monitoring_validated() {
    local reload='systemctl reload prometheus' status words
    expect 'the page lists the checks' diff <(sed -n 's/^  - check: //p' "$ANSIBLE/roles/runner_validation/vars/main.yml") \
        <(sed -n '/^## Is a runner whole/,/^## /s/^| `\([a-z]*\)` | .*/\1/p' "$ROOT/docs/infrastructure/monitoring-stack.md")
    until_true value_is 'count({__name__=~"runner_cpu_usage_percent|runner_busy",instance="runner-production-1"})' 2 || die 'see both gauges'
    healthy
    sed 's/^/  /' "$work/validated"
    page "$ROOT" 'Is a runner whole?'
    expect 'what the page says prints the same' test "$(grep -c '^✅ ' "$log")" -eq 8
    expect 'what it asks for is what the page lists' diff \
        <(sed -n 's/^| `\(runner_[a-z_]*\)` | .*/\1/p' "$ROOT/docs/runner-exporter.md" | grep -vE 'docker_up|last_job|errors_total' | sort) \
        <(sed -n 's/^  - \(runner_[a-z_]*\)$/\1/p' "$ANSIBLE/roles/runner_validation/defaults/main.yml" | sort)

    github '{"admin": "another"}' >/dev/null
    broken registration 'refused the token \(401\)'
    github "{\"admin\": \"$BATON_RUNNER_ADMIN_TOKEN\"}" >/dev/null
    broken registration 'is online at acme, labels .*' -e '{"github_runner_labels": ["production", "gpu"]}'
    on runner-production-1 systemctl stop "$SERVICE"
    broken service 'is inactive'
    on runner-production-1 systemctl start "$SERVICE"
    on monitoring-production-1 mv /etc/prometheus/targets/production.json /etc/prometheus/production.json
    until_true value_is 'count(up{job="github-runner-health"}) or vector(0)' 0 || die 'see the targets gone'
    broken scrape 'does not ask runner-production-1'
    on monitoring-production-1 mv /etc/prometheus/production.json /etc/prometheus/targets/production.json
    on monitoring-production-1 sh -c "cd /etc/prometheus && cp -a prometheus.yml kept && sed -i 's/^    metric_relabel_configs:/&\n      - {source_labels: [__name__], regex: runner_disk_usage_percent, action: drop}/' prometheus.yml && $reload"
    until_true value_is 'count(up{job="github-runner-health"} == 1) and on() (absent(runner_disk_usage_percent))' 2 || die 'see a metric dropped'
    broken metrics 'missing: runner_disk_usage_percent'
    on monitoring-production-1 sh -c "cd /etc/prometheus && mv kept prometheus.yml && $reload"
    on monitoring-production-1 mv /var/lib/grafana/dashboards/baton/runner-health.json /var/lib/grafana/
    broken dashboard 'has no board baton-runner-health'
    on monitoring-production-1 mv /var/lib/grafana/runner-health.json /var/lib/grafana/dashboards/baton/
    broken dashboard 'refuses the token' -e runner_validation_grafana_token=wrong
    on monitoring-production-1 sh -c "mv /etc/prometheus/rules/runners.yml /etc/prometheus/ && $reload"
    until_true unloaded RunnerOfflinePrimary || die 'see a rule gone'
    broken rules 'missing: .*RunnerOfflinePrimary'
    on monitoring-production-1 sh -c "mv /etc/prometheus/runners.yml /etc/prometheus/rules/ && $reload"
    on runner-production-1 chmod 000 "$RUNNER/_diag"
    broken exporter 'port 9101 says .*_diag'
    on runner-production-1 chmod 755 "$RUNNER/_diag"
    on runner-production-1 systemctl stop runner-exporter
    broken exporter 'port 9101 says nothing'
    on runner-production-1 systemctl start runner-exporter
    on runner-production-1 systemctl stop github-runner-firewall
    broken firewall 'it is open'
    on runner-production-1 systemctl start github-runner-firewall
    broken firewall 'to be open for .*' -e "{\"baton_scrape_sources\": [\"$PREFIX.99/32\"]}"
    on monitoring-production-1 systemctl stop prometheus
    broken scrape 'does not answer'
    on monitoring-production-1 systemctl start prometheus
    until_true of_prometheus status/buildinfo || die 'start Prometheus again'
    printf 'all: {hosts: {runner-production-1: {ansible_host: %s}}}\n' "$PREFIX.99" >"$work/away.yml"
    broken service 'Ansible does not reach runner-production-1' -i "$work/away.yml"
    expect 'mended, all is well again' healthy
    for words in '' --wrong no-such-host github_runners_production; do
        status=0
        # shellcheck disable=SC2086 # none, or one word
        dist-scripts/validate-runner $words >/dev/null 2>&1 || status=$?
        expect "validate-runner $words is wrong use" test "$status" -eq 64
    done
}
