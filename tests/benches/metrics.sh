#!/usr/bin/env bash
# Metrics of a deployment as a plain shell script: curl reads the counters that the gateway has, awk adds one successful
# deployment, and curl pushes all of it back. For tests/benches/metrics.rs to time, with GATEWAY, BRANCH and SECONDS_TAKEN.
set -euo pipefail
ask() { curl --fail --silent --show-error --noproxy '*' --max-time 10 "$@"; }

ask "$GATEWAY/metrics" | awk -v branch="$BRANCH" -v took="$SECONDS_TAKEN" -v now="$(date +%s)" '
    function show(name, labels, value) { print name "{branch=\"" branch "\"" labels "} " value }
    /instance="script"/ && index($0, "branch=\"" branch "\"") {
        name = $1
        sub(/\{.*/, "", name)
        if (match($1, /le="[^"]*"/)) name = name substr($1, RSTART, RLENGTH)
        old[name] = $NF
    }
    END {
        print "# TYPE deployment_attempts_total counter"
        show("deployment_attempts_total", "", old["deployment_attempts_total"] + 1)
        print "# TYPE deployment_success_total counter"
        show("deployment_success_total", "", old["deployment_success_total"] + 1)
        print "# TYPE deployment_duration_seconds histogram"
        count = split("60 300 600 1200 1800 +Inf", buckets, " ")
        for (at = 1; at <= count; at++) {
            le = "le=\"" buckets[at] "\""
            here = buckets[at] == "+Inf" || took <= buckets[at] + 0
            show("deployment_duration_seconds_bucket", "," le, old["deployment_duration_seconds_bucket" le] + here)
        }
        show("deployment_duration_seconds_sum", "", old["deployment_duration_seconds_sum"] + took)
        show("deployment_duration_seconds_count", "", old["deployment_duration_seconds_count"] + 1)
        print "# TYPE deployment_last_success_timestamp_seconds gauge"
        show("deployment_last_success_timestamp_seconds", "", now)
    }' |
    ask --request PUT --data-binary @- "$GATEWAY/metrics/job/github-actions-deployments/instance/script"
