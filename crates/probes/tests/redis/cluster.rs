//! Nodes of clusters.

use probes::redis::{Wanted, WantedCluster};
use test_servers::{Redis, RedisCluster};

use crate::{await_seen, fail, pass, probe, question, seen};

fn cluster(min_masters: u64, min_nodes: u64) -> Wanted {
    Wanted {
        cluster: Some(WantedCluster {
            min_masters,
            min_nodes,
        }),
        ..Wanted::default()
    }
}

#[tokio::test]
async fn a_cluster_passes_until_one_of_its_masters_is_killed() {
    let mut cluster_of_three = RedisCluster::start(3, "");
    let first = &cluster_of_three.nodes[0];
    let well = "PONG; cluster_state is ok: all 16384 slots covered by 3 masters, 3 known nodes";
    assert_eq!(seen(&probe(first, cluster(3, 3))).await, pass(well));
    assert_eq!(
        seen(&probe(first, cluster(4, 6))).await,
        fail("3 masters with slots, wanted 4; 3 known nodes, wanted 6")
    );
    // CRC16 of `foo` is slot 12182, which is the last node's.
    assert_eq!(
        seen(&probe(first, question(&["GET", "foo"], None))).await,
        fail(&format!(
            "MOVED 12182 127.0.0.1:{}",
            cluster_of_three.nodes[2].port
        ))
    );
    let lost = cluster_of_three.nodes.pop();
    drop(lost);
    let first = &cluster_of_three.nodes[0];
    await_seen(
        &probe(first, cluster(0, 0)),
        fail("cluster_state is fail: 5462 of 16384 slots not covered"),
    )
    .await;
    // The node itself answers all the same.
    assert_eq!(seen(&probe(first, Wanted::default())).await, pass("PONG"));
    assert_eq!(
        seen(&probe(first, question(&["GET", "foo"], None))).await,
        fail("CLUSTERDOWN The cluster is down")
    );
}

#[tokio::test]
async fn slots_that_are_lost_fail_a_cluster_that_is_content_without_them() {
    let mut cluster_of_three = RedisCluster::start(3, "cluster-require-full-coverage no\n");
    let lost = cluster_of_three.nodes.pop();
    drop(lost);
    await_seen(
        &probe(&cluster_of_three.nodes[0], cluster(0, 0)),
        fail("cluster_state is ok: 5462 of 16384 slots not covered"),
    )
    .await;
}

#[tokio::test]
async fn a_server_without_a_cluster_says_so() {
    let server = Redis::start();
    assert_eq!(
        seen(&probe(&server, cluster(0, 0))).await,
        fail("CLUSTER: ERR This instance has cluster support disabled")
    );
}
