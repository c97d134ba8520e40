//! The suite of every store, over several users' ways in.

use test_servers::{Redis, RedisCluster, RedisSetup};

use crate::places::{PATIENT, store_of, url};

async fn keeps_the_contract(url: String) {
    lease::conformance::run(|lock| {
        let url = url.clone();
        async move { store_of(lock, &url, PATIENT) }
    })
    .await;
}

#[tokio::test]
async fn a_server_keeps_the_contract() {
    let server = Redis::start();
    keeps_the_contract(url(&server)).await;
}

#[tokio::test]
async fn another_database_of_a_server_keeps_the_contract() {
    let server = Redis::start();
    keeps_the_contract(format!("{}/3", url(&server))).await;
    assert_eq!(
        server.command(&["DBSIZE"]),
        "0",
        "the first database is not touched"
    );
}

#[tokio::test]
async fn the_least_user_keeps_the_contract() {
    let server = Redis::start_with(&RedisSetup {
        config: crate::access::users(),
        ..RedisSetup::default()
    });
    keeps_the_contract(crate::access::as_least(&server)).await;
}

#[tokio::test]
async fn a_node_of_a_cluster_keeps_the_contract_wherever_the_lock_lies() {
    let cluster = RedisCluster::start(2, "");
    keeps_the_contract(url(&cluster.nodes[1])).await;
    for node in &cluster.nodes {
        assert_ne!(node.command(&["DBSIZE"]), "0", "locks lie on every node");
    }
}
