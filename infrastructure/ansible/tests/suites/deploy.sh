# shellcheck shell=bash
# What is deployed to targets, and the exporter on runners. Sourced by suites.sh.
# shellcheck disable=SC2154

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
    on runner-production-1 systemctl stop "$SERVICE"
    expect 'a runner whose service is stopped is 0' until_true says \
        'runner_status{runner="runner-production-1",environment="production",role="primary",authorized_for_prod="true"} 0'
    on runner-production-1 systemctl start "$SERVICE"
    expect 'started again, it is 1' until_true says \
        'runner_status{runner="runner-production-1",environment="production",role="primary",authorized_for_prod="true"} 1'
    well deploy-runner-exporter "${given[@]}" -e runner_exporter_state=absent
    contents runner-production-1 | sed '/_diag/d' >"$work/after"
    sed -i '/_diag/d' "$work/provisioned"
    expect 'nothing of the exporter is left behind' diff "$work/provisioned" "$work/after"
    well deploy-runner-exporter "${given[@]}"
    bare
    expect 'with its runner the exporter goes' on runner-production-1 sh -c '! find / -xdev -name "runner-exporter*" | grep .'
}

says() {
    inside python3 -c 'import sys, urllib.request as r
sys.exit(sys.argv[2] not in r.urlopen(sys.argv[1], timeout=10).read().decode())' "http://$PREFIX.11:9101/metrics" "$1"
}
