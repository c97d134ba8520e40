//! The rules of `infrastructure/prometheus` do what they say: by promtool, by the list of metrics, and in a real Prometheus
//! behind real Pushgateways that are restarted and shown old snapshots. So do the routes of `infrastructure/alertmanager`, in
//! a real Alertmanager, and the boards of `infrastructure/grafana`, whose queries that Prometheus answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "prometheus_rules/boards.rs"]
mod boards;
#[path = "prometheus_rules/history.rs"]
mod history;
#[path = "prometheus_rules/host.rs"]
mod host;
#[path = "prometheus_rules/pages.rs"]
mod pages;
#[path = "prometheus_rules/real.rs"]
mod real;
#[path = "prometheus_rules/routes.rs"]
mod routes;
#[path = "prometheus_rules/shipped.rs"]
mod shipped;
#[path = "prometheus_rules/stack.rs"]
mod stack;
#[path = "prometheus_rules/targets.rs"]
mod targets;
#[path = "prometheus_rules/texts.rs"]
mod texts;
#[path = "prometheus_rules/watched.rs"]
mod watched;
