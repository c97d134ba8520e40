//! Real servers for tests: each starts on a free port or a socket of its own, in a temporary folder, and ends with the
//! test. One file a server.
//!
//! Not responsible for installing them: `dist-scripts/bootstrap` does. A server that is missing is a panic that names
//! the mend, never a skipped test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alertmanager;
mod deaf;
mod docker;
mod hosts;
mod loki;
mod network;
mod pgbouncer;
mod plain_http;
mod postgres;
mod process;
mod prometheus;
mod pushgateway;
mod redis;
mod redis_cluster;
mod registry;
mod sshd;

pub use alertmanager::Alertmanager;
pub use deaf::Deaf;
pub use docker::Docker;
pub use hosts::{Hosts, Way};
pub use loki::Loki;
pub use network::{in_named_network, in_network};
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, PostgresSetup};
pub use process::{Process, free_port, program, until};
pub use prometheus::{Prometheus, PrometheusSetup};
pub use pushgateway::{Pushgateway, PushgatewaySetup};
pub use redis::{Redis, RedisSetup};
pub use redis_cluster::RedisCluster;
pub use registry::{Access, Registry};
pub use sshd::Sshd;
