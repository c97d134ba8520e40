//! A Redis cluster of masters alone.

use std::time::Duration;

use crate::{Redis, RedisSetup, free_port, until};

/// How many slots a cluster shares out.
const SLOTS: usize = 16_384;

/// Masters that know each other and share the slots evenly.
#[derive(Debug)]
pub struct RedisCluster {
    /// The masters; one that is dropped is killed.
    pub nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts `masters` nodes with `config` besides, and waits until each says that the cluster is well.
    pub fn start(masters: usize, config: &str) -> RedisCluster {
        let (nodes, buses): (Vec<Redis>, Vec<u16>) = (0..masters)
            .map(|_| {
                let bus = free_port();
                let node = Redis::start_with(&RedisSetup {
                    config: format!(
                        "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout 1000\n{config}"
                    ),
                    ..RedisSetup::default()
                });
                (node, bus)
            })
            .unzip();
        for (index, node) in nodes.iter().enumerate() {
            let (first, next) = (SLOTS * index / masters, SLOTS * (index + 1) / masters);
            let (first, last) = (first.to_string(), (next - 1).to_string());
            let epoch = (index + 1).to_string();
            for words in [
                &["CLUSTER", "ADDSLOTSRANGE", &first, &last][..],
                // As `redis-cli --cluster create` does: equal epochs would have to be told apart first.
                &["CLUSTER", "SET-CONFIG-EPOCH", &epoch],
            ] {
                assert_eq!(node.command(words), "OK", "{words:?}");
            }
        }
        for (other, bus) in nodes.iter().zip(&buses).skip(1) {
            let (port, bus) = (other.port.to_string(), bus.to_string());
            assert_eq!(
                nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]),
                "OK"
            );
        }
        for node in &nodes {
            until(Duration::from_secs(30), "the cluster to be well", || {
                let info = node.command(&["CLUSTER", "INFO"]);
                let size = format!("cluster_size:{masters}");
                (info.contains("cluster_state:ok") && info.contains(&size)).then_some(())
            });
        }
        RedisCluster { nodes }
    }
}
