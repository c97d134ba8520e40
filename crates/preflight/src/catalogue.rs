//! Every check: its id, its group, what it measures and why. The one source for the selection by inputs, for the report
//! and for the page of checks in docs.

use crate::Status;

/// A group of checks; its number is the exit code of its failures (design §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// 1 to 7.
    pub number: u8,
    /// `runner`
    pub name: &'static str,
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// `runner.cpu`
    pub id: &'static str,
    /// Its group.
    pub group: Group,
    /// What is measured, one sentence.
    pub measures: &'static str,
    /// Why it matters to a deployment, one sentence.
    pub why: &'static str,
    /// How a failure is mended, in general; the finding itself says it for the case at hand.
    pub mend: &'static str,
    /// What must be set for it to be asked, for people; nothing where it always can be.
    pub needs: &'static str,
    /// The inputs that it obeys.
    pub inputs: &'static [&'static str],
    /// The worst it can come to by itself: `Warn` for a check that never fails.
    pub worst: Status,
}

const RUNNER: Group = Group {
    number: 1,
    name: "runner",
};
const DOCKER: Group = Group {
    number: 2,
    name: "docker",
};
const NETWORK: Group = Group {
    number: 3,
    name: "network",
};
const SECRETS: Group = Group {
    number: 4,
    name: "secrets",
};
const CONCURRENCY: Group = Group {
    number: 5,
    name: "concurrency",
};
const GUARDRAILS: Group = Group {
    number: 6,
    name: "guardrails",
};
const ARTIFACTS: Group = Group {
    number: 7,
    name: "artifacts",
};

/// The groups, by number.
pub const GROUPS: &[Group] = &[
    RUNNER,
    DOCKER,
    NETWORK,
    SECRETS,
    CONCURRENCY,
    GUARDRAILS,
    ARTIFACTS,
];

/// The checks, by group.
pub const CHECKS: &[Check] = &[
    Check {
        id: "runner.cpu",
        group: RUNNER,
        measures: "How busy the CPUs are over 200 ms: of the machine, and of the container's quota where there is one.",
        why: "A starved runner renews its lease late, and loses the deployment to its standby half-way.",
        mend: "End what keeps the runner busy (`ps -eo pcpu,pid,args --sort=-pcpu | head`), or deploy from another one.",
        needs: "",
        inputs: &["cpu-percent-max"],
        worst: Status::Fail,
    },
    Check {
        id: "runner.memory",
        group: RUNNER,
        measures: "The memory in use: of the machine, and of the tightest limit of the containers around it.",
        why: "The kernel kills processes when memory runs out, and a deployment killed in the middle is half done.",
        mend: "End what holds the memory (`ps -eo rss,pid,args --sort=-rss | head`), or give the runner more.",
        needs: "",
        inputs: &["memory-percent-max"],
        worst: Status::Fail,
    },
    Check {
        id: "runner.disk",
        group: RUNNER,
        measures: "The space that is free for this user on the file systems of the workspace and the temporary folder, and whether they can be written.",
        why: "Checkouts, images and logs need room; a full disk stops a deployment anywhere.",
        mend: "Free space (`docker system prune`, old workspaces under `_work`), or enlarge the disk.",
        needs: "",
        inputs: &["disk-gb-min", "disk-paths"],
        worst: Status::Fail,
    },
    Check {
        id: "runner.prometheus",
        group: RUNNER,
        measures: "What Prometheus knows of this runner: `runner_status` is 1, `runner_cpu_usage_percent` and `runner_memory_usage_percent` are below the limits.",
        why: "Monitoring sees what one moment on the machine does not: a runner that has been sick for an hour.",
        mend: "Look at the runner's `runner-exporter`; where the series is absent, at Prometheus' scrape configuration.",
        needs: "`prometheus-url`",
        inputs: &[
            "prometheus-url",
            "prometheus-auth",
            "cpu-percent-max",
            "memory-percent-max",
        ],
        worst: Status::Fail,
    },
    Check {
        id: "runner.registration",
        group: RUNNER,
        measures: "The runner is registered with GitHub, online, and has the wanted labels.",
        why: "A runner that lost a label or its registration gets no next job, and so no standby's.",
        mend: "Start the runner's service, or put its labels right in the settings of the repository or organisation.",
        needs: "`admin-token`",
        inputs: &["admin-token", "runner-labels"],
        worst: Status::Fail,
    },
    Check {
        id: "runner.separate",
        group: RUNNER,
        measures: "The other candidates of this deployment run on other hosts, by the boot id that each announced.",
        why: "A standby on the same host dies with the primary.",
        mend: "Put the second runner on a machine of its own.",
        needs: "a store, and more than one candidate",
        inputs: &["store", "candidates"],
        worst: Status::Fail,
    },
    Check {
        id: "docker.daemon",
        group: DOCKER,
        measures: "The Docker daemon answers, and is new enough.",
        why: "A daemon that hangs or refuses makes every later step of a container deployment fail.",
        mend: "Start the daemon (`systemctl start docker`), put the runner's user into the group `docker`, or leave the check out (`checks: all, !docker`).",
        needs: "",
        inputs: &["docker-version-min"],
        worst: Status::Fail,
    },
    Check {
        id: "docker.compose",
        group: DOCKER,
        measures: "`docker compose` is installed.",
        why: "Without the plugin `docker compose up` is an unknown flag, exit code 125.",
        mend: "Install the package `docker-compose-plugin`, or leave the check out (`checks: all, !docker.compose`).",
        needs: "",
        inputs: &[],
        worst: Status::Fail,
    },
    Check {
        id: "network.dns",
        group: NETWORK,
        measures: "The names of all targets resolve, and the name server answers.",
        why: "A dead name server looks like every host being down.",
        mend: "Look at `/etc/resolv.conf` and the server it names.",
        needs: "`inventory` or `targets` with a name, or a run on GitHub",
        inputs: &["inventory", "targets", "network-timeout-seconds"],
        worst: Status::Fail,
    },
    Check {
        id: "network.targets",
        group: NETWORK,
        measures: "Every host of the inventory, or of the list, accepts a TCP connection on its SSH port; where none comes about, whether it answers ICMP. Never through a proxy.",
        why: "A playbook that finds the ninth of ten hosts down has changed eight.",
        mend: "Start the host or open its port; take a host that is meant to be away out of the inventory.",
        needs: "`inventory` or `targets`",
        inputs: &["inventory", "targets", "network-timeout-seconds"],
        worst: Status::Fail,
    },
    Check {
        id: "secrets.present",
        group: SECRETS,
        measures: "Each named variable of this step's environment is set and not empty. Its content is not looked at.",
        why: "GitHub turns a secret that does not exist into an empty text, and the deployment finds out in the middle.",
        mend: "Create the secret, and hand it to this step: `env: NAME: ${{ secrets.NAME }}`.",
        needs: "`secrets`",
        inputs: &["secrets"],
        worst: Status::Fail,
    },
    Check {
        id: "secrets.age",
        group: SECRETS,
        measures: "When each named secret was last changed, as GitHub tells it, by GitHub's clock.",
        why: "A secret that is never changed is known to everybody who ever had it.",
        mend: "Rotate the secret, and store the new value in GitHub.",
        needs: "`secrets` and `admin-token`",
        inputs: &["secrets", "secret-age-days-max", "admin-token"],
        worst: Status::Fail,
    },
    Check {
        id: "concurrency.active",
        group: CONCURRENCY,
        measures: "No other deployment holds the lease, or runs in the concurrency group. The other leg of this deployment is not another.",
        why: "This one will wait until that one has ended.",
        mend: "Wait, or look at the other deployment: `runner-failover` with `mode: status`.",
        needs: "a store, or `concurrency-group`",
        inputs: &["store", "concurrency-group", "on-active"],
        worst: Status::Fail,
    },
    Check {
        id: "concurrency.queue",
        group: CONCURRENCY,
        measures: "How many deployments wait: in the lease's queue, and in GitHub's concurrency group.",
        why: "A queue that grows means that deployments take longer than they come, or that one hangs.",
        mend: "Look at the deployment at the head of the queue, and cancel runs that nobody needs any more.",
        needs: "a store, or `concurrency-group`",
        inputs: &["store", "concurrency-group", "queue-depth-max"],
        worst: Status::Warn,
    },
    Check {
        id: "ref.allowed",
        group: GUARDRAILS,
        measures: "The branch or tag of this run matches one of the allowed patterns.",
        why: "A workflow started by hand on a feature branch would deploy it.",
        mend: "Run the workflow on an allowed branch, or allow this one in `branches`.",
        needs: "",
        inputs: &["branches"],
        worst: Status::Fail,
    },
    Check {
        id: "branch.protected",
        group: GUARDRAILS,
        measures: "Rules of the branch ask for approvals and passing checks, and forbid a force push.",
        why: "What anybody may push, anybody may deploy.",
        mend: "Add a ruleset for the branch: required approvals, required status checks, block force pushes.",
        needs: "`github-token` on GitHub, and a branch",
        inputs: &["approvals-min", "admin-token"],
        worst: Status::Fail,
    },
    Check {
        id: "environment.approval",
        group: GUARDRAILS,
        measures: "This run was approved for the environment: by whom, when, and how long it waited.",
        why: "The audit trail names who let a version into production.",
        mend: "Let a job that names the environment stand before this one, and approve it.",
        needs: "`approval-environment`",
        inputs: &["approval-environment"],
        worst: Status::Fail,
    },
    Check {
        id: "artifacts.images",
        group: ARTIFACTS,
        measures: "Each image reference exists in its registry: a HEAD request for its manifest.",
        why: "A missing image is found after the old containers were stopped.",
        mend: "Push the image, correct the reference, or log in to the registry (`docker login`) before this step.",
        needs: "`images`",
        inputs: &["images", "insecure-registries"],
        worst: Status::Fail,
    },
];

/// The check with this id.
pub fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_has_an_id_of_its_own_in_a_known_group_and_obeys_known_inputs() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for check in CHECKS {
            assert!(GROUPS.contains(&check.group), "{}", check.id);
            for input in check.inputs {
                let known = crate::TABLE.inputs.iter().any(|known| known.name == *input);
                assert!(known, "{} obeys {input}", check.id);
            }
        }
        assert!(CHECKS.is_sorted_by_key(|check| check.group.number));
    }

    #[test]
    fn the_groups_are_numbered_from_one_to_seven() {
        let numbers: Vec<u8> = GROUPS.iter().map(|group| group.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    }
}
