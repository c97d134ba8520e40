#!/usr/bin/env bash
# The checks of `preflight` as a plain shell script with the usual tools, for tests/benches/preflight.rs to time.
# It takes the variables that the program takes.
set -u
failed=()
limit=$INPUT_NETWORK_TIMEOUT_SECONDS

busy() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8, $2 + $3 + $4 + $5 + $6 + $7 + $8}' /proc/stat; }
read -r busy_before all_before < <(busy)
sleep 0.2
read -r busy_after all_after < <(busy)
((all_after > all_before && (busy_after - busy_before) * 100 / (all_after - all_before) < 80)) || failed+=(cpu)
(($(free | awk '/^Mem:/ {print int(($2 - $7) * 100 / $2)}') < 80)) || failed+=(memory)
(($(df --output=avail -B1000000000 "$GITHUB_WORKSPACE" | tail -1) >= 10)) || failed+=(disk)

docker version --format '{{.Server.Version}}' || failed+=(docker)
docker ps -q || failed+=(docker)
docker compose version --short || failed+=(compose)

getent hosts localhost || failed+=(dns)
while IFS=: read -r host port; do
    [[ -n $host ]] || continue
    nc -z -w "$limit" "$host" "$port" || failed+=("$host:$port")
done <<<"$INPUT_TARGETS"

[[ -n ${DB_PASSWORD-} ]] || failed+=(DB_PASSWORD)
[[ $GITHUB_REF == refs/heads/main ]] || failed+=(ref)

ask() { curl --fail --silent --show-error --noproxy '*' --max-time "$limit" "$@"; }
for metric in runner_status runner_cpu_usage_percent runner_memory_usage_percent; do
    ask --get --data-urlencode "query=$metric{runner=\"$RUNNER_NAME\"}" "$INPUT_PROMETHEUS_URL/api/v1/query" |
        grep -q '"value"' || failed+=("$metric")
done
github() { ask --header "Authorization: Bearer $INPUT_GITHUB_TOKEN" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/$1"; }
github 'rules/branches/main' | grep -q pull_request || failed+=(protection)
github "actions/runs/$GITHUB_RUN_ID/approvals" | grep -q approved || failed+=(approval)
github "deployments?sha=$GITHUB_SHA&environment=production" >/dev/null || failed+=(approval)

((${#failed[@]} == 0)) || {
    printf 'failed: %s\n' "${failed[*]}"
    exit 1
}
