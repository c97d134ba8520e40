# shellcheck shell=bash
# What must be refused, with the reason, and without a trace. Sourced by suites.sh.
# shellcheck disable=SC2154

# The first host has no piece of a runner that would not work.
nothing_half_installed() {
    on runner-production-1 sh -c "test ! -e $RUNNER && ! ls /srv/github-runner/just-in-time /etc/systemd/system/actions.runner.* 2>/dev/null"
}

suite_failures() {
    local only=(--limit runner-production-1) zeros
    zeros=$(printf '0%.0s' {1..64})
    bare
    contents runner-production-1 >"$work/bare"
    refused 'failed to accept runner-production-1: it has .* wanted are 4000 cores' \
        runner-provision "${only[@]}" -e github_runner_minimum_cores=4000
    refused 'failed to find what the runner.s archive must be: set github_runner_version, and github_runner_sha256 to .*x64' \
        runner-provision "${only[@]}" -e '{"github_runner_sha256": {}}'
    refused 'refused the token \(401\)' runner-provision "${only[@]}" -e github_runner_api_token=wrong
    refused 'GitHub.s token; set github_runner_api_token' runner-provision "${only[@]}" -e github_runner_api_token=
    refused 'failed to ask GitHub .* is out of reach' runner-provision "${only[@]}" -e "github_runner_api_url=http://$PREFIX.1:9"
    refused 'Default: public repositories may use it' runner-provision "${only[@]}" -e github_runner_group=Default
    refused 'failed to fetch the runner from .*nothing was installed on runner-production-1: The checksum .* did not match' \
        runner-provision "${only[@]}" -e "{\"github_runner_sha256\": {\"x64\": \"$zeros\", \"arm64\": \"$zeros\"}}"
    contents runner-production-1 >"$work/after"
    expect 'none of these changed anything on the host' diff "$work/bare" "$work/after"
    refused 'which is in none of github_runner_ssh_sources' \
        runner-provision "${only[@]}" -e "{\"baton_ssh_sources\": [\"$PREFIX.99/32\"]}"

    # A registration token that has expired by the time it is used, then an admin's that does before one is asked for.
    github '{"expired": true}' >/dev/null
    refused 'failed to register runner-production-1 at .* 404 .*; the registration token has expired, or is for another place; run the playbook again' \
        runner-provision "${only[@]}"
    github '{"expired": false}' >/dev/null
    expect 'after a registration token that expired in the middle nothing is half installed' nothing_half_installed
    github '{"expires_at": "runners/registration-token"}' >/dev/null
    refused 'failed to get a registration token for acme: GitHub refused the token \(401\)' runner-provision "${only[@]}"
    github "{\"admin\": \"$BATON_RUNNER_ADMIN_TOKEN\"}" >/dev/null
    expect "after an admin's token that expired in the middle nothing is half installed" nothing_half_installed
    expect 'GitHub has nothing of it' gone
    well runner-provision "${only[@]}"
    expect 'the next run mends it' first_runner 'runner["status"]' '["online"]'
    well runner-provision "${only[@]}"
    unchanged

    # One host that is out of reach does not keep the others from their runner.
    bare
    end_host runner-production-2
    if play runner-provision; then die 'see a host that is out of reach fail the play'; fi
    printf '  runner-provision: failed, as it must with a host out of reach\n'
    expect 'the host that is not there is named' grep -qE 'fatal: \[runner-production-2\]: UNREACHABLE!' "$log"
    expect 'and counted' grep -qE '^runner-production-2 .*unreachable=1' "$log"
    expect 'the host that is there has its runner' first_runner '(runner["name"], runner["status"])' '[("runner-production-1", "online")]'
    expect 'no secret was shown' no_secret_was_shown
}
