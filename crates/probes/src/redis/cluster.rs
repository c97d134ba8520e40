//! A node's view of its cluster: `CLUSTER INFO` (<https://redis.io/docs/latest/commands/cluster-info/>).

use super::{RedisError, connection::Session, error::shown};

/// How many slots a cluster has (the cluster specification, "Key distribution model").
const SLOTS: u64 = 16_384;

/// What a cluster is wanted to have, beside the state `ok` and every slot covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedCluster {
    /// How many masters with slots, at least.
    pub min_masters: u64,
    /// How many nodes that the asked one knows, replicas and lost ones with them, at least.
    pub min_nodes: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Info {
    state: String,
    /// Of which the node knows an owner that answers.
    slots_ok: u64,
    known_nodes: u64,
    /// Masters with slots.
    size: u64,
}

/// What is seen where the cluster is as wanted, or everything that is not.
pub(super) async fn judge(
    session: &mut Session,
    wanted: WantedCluster,
) -> Result<Result<String, String>, RedisError> {
    let answer = session.call(&["CLUSTER", "INFO"]).await?;
    let info = answer.text().and_then(read);
    let info = info.ok_or_else(|| RedisError::Odd {
        server: session.server(),
        command: "CLUSTER INFO",
    })?;
    Ok(told(&info, wanted))
}

fn read(text: &str) -> Option<Info> {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| *key == name))
            .map(|(_, value)| value.trim())
    };
    let number = |name: &str| value(name)?.parse().ok();
    Some(Info {
        state: shown(value("cluster_state")?),
        slots_ok: number("cluster_slots_ok")?,
        known_nodes: number("cluster_known_nodes")?,
        size: number("cluster_size")?,
    })
}

fn told(info: &Info, wanted: WantedCluster) -> Result<String, String> {
    let Info {
        state,
        slots_ok,
        known_nodes,
        size,
    } = info;
    let mut wrong = Vec::new();
    let missing = SLOTS.saturating_sub(*slots_ok);
    // Without full coverage wanted (`cluster-require-full-coverage no`) a cluster that has lost slots is `ok` to itself.
    match (state.as_str(), missing) {
        ("ok", 0) => {}
        (state, 0) => wrong.push(format!("cluster_state is {state}, with all slots covered")),
        (state, missing) => wrong.push(format!(
            "cluster_state is {state}: {missing} of {SLOTS} slots not covered"
        )),
    }
    if *size < wanted.min_masters {
        wrong.push(format!(
            "{size} masters with slots, wanted {}",
            wanted.min_masters
        ));
    }
    if *known_nodes < wanted.min_nodes {
        wrong.push(format!(
            "{known_nodes} known nodes, wanted {}",
            wanted.min_nodes
        ));
    }
    if wrong.is_empty() {
        Ok(format!(
            "cluster_state is {state}: all {SLOTS} slots covered by {size} masters, {known_nodes} known nodes"
        ))
    } else {
        Err(wrong.join("; "))
    }
}
