# shellcheck shell=bash
# Where a runner is registered, and how: for one job, for a repository, for staging. Sourced by suites.sh.
# shellcheck disable=SC2154,SC2034

# What GitHub says of the first host's runner: a Python expression over `runner`.
first_runner() { is "[$1 for runner in state['runners'] if runner['name'].endswith('-1')] == $2"; }
gone() { is 'not [r for r in state["runners"] if r["name"].endswith("-1")]'; }

suite_just-in-time() {
    bare
    contents runner-production-1 >"$work/bare"
    local once=(--limit runner-production-1 -e github_runner_registration=just-in-time)
    well runner-provision --check --diff "${once[@]}"
    contents runner-production-1 >"$work/after"
    expect 'a check changes nothing' diff "$work/bare" "$work/after"
    github '{"requests": []}' >/dev/null
    well runner-provision "${once[@]}"
    expect 'GitHub sees a runner for one job, with the label production, in the group production' first_runner \
        '(runner["status"], runner["ephemeral"], runner["runner_group_id"], [one["name"] for one in runner["labels"][3:]])' \
        '[("online", True, next(g["id"] for g in state["groups"] if g["name"] == "production"), ["production"])]'
    expect 'no registration token was asked for' is \
        '[r.split("/")[-1] for r in state["requests"] if r.startswith("POST") and "/runners/" in r] == ["generate-jitconfig"]'
    well runner-provision "${once[@]}"
    unchanged
    refused 'by token: it is registered for one job; run playbooks/runner-decommission.yml first' runner-provision --limit runner-production-1
    begin_job runner-production-1
    expect 'its job meets its role, and no secret' on runner-production-1 sh -c \
        "grep -qx \"role primary\" $RUNNER/job.log && grep -qxF \"secrets []\" $RUNNER/job.log"
    end_job runner-production-1
    expect 'it is gone after its job' until_true gone
    well runner-provision "${once[@]}"
    expect 'provisioned again, it takes one more' first_runner 'runner["status"]' '["online"]'

    # A token that ends between the question for the runner and the one for its configuration.
    bare
    github '{"expires_at": "runners/generate-jitconfig"}' >/dev/null
    refused 'failed to get a just-in-time configuration for runner-production-1 of acme: GitHub refused the token \(401\)' \
        runner-provision "${once[@]}"
    github "{\"admin\": \"$BATON_RUNNER_ADMIN_TOKEN\"}" >/dev/null
    expect 'nothing half installed is left' nothing_half_installed
    well runner-provision "${once[@]}"
    expect 'the second run mends it' first_runner 'runner["status"]' '["online"]'
    bare
    contents runner-production-1 >"$work/after"
    expect 'nothing is left behind' diff "$work/bare" "$work/after"

    # The runners of one repository: the same by other paths, without groups.
    well runner-provision "${once[@]}" -e github_runner_repository=shop
    expect 'a repository has a runner for one job' first_runner '(runner["place"], runner["status"], runner["ephemeral"])' \
        '[("repos/acme/shop", "online", True)]'
    well runner-decommission --limit runner-production-1 -e github_runner_repository=shop -e github_runner_remove_docker=true
    well runner-provision --limit runner-production-1 -e github_runner_repository=shop
    expect 'a repository has a runner that stays' first_runner '(runner["place"], runner["status"], runner["ephemeral"])' \
        '[("repos/acme/shop", "online", False)]'
    well runner-provision --limit runner-production-1 -e github_runner_repository=shop
    unchanged
    well runner-decommission --limit runner-production-1 -e github_runner_repository=shop -e github_runner_remove_docker=true
    expect 'the repository has none any more' gone
    contents runner-production-1 >"$work/after"
    expect 'nothing is left behind' diff "$work/bare" "$work/after"
    expect 'no secret was shown' no_secret_was_shown
}

suite_staging() {
    bare
    local inventory=staging
    refused 'failed to accept the label production for runner-staging-1, a runner of staging: it would take production.s deployments' \
        runner-provision --limit runner-staging-1 -e '{"github_runner_labels": ["production"]}'
    well runner-provision --limit runner-staging-1
    expect "staging's runner has the label staging, and is in the group staging" first_runner \
        '(runner["name"], runner["status"], runner["runner_group_id"], [one["name"] for one in runner["labels"][3:]])' \
        '[("runner-staging-1", "online", next(g["id"] for g in state["groups"] if g["name"] == "staging"), ["staging"])]'
    well runner-provision --limit runner-staging-1
    unchanged
    well runner-decommission --limit runner-staging-1 -e github_runner_remove_docker=true
    expect 'GitHub knows it no more' gone
}
