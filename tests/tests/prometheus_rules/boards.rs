//! The boards of Grafana: what they ask is asked of a real Prometheus, with their variables as Grafana fills them in.
//!
//! Not responsible for what is asked of Loki: `make e2e-loki` asks a real one. Nor for how Grafana draws.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use ledger::{FailureReason, Role};
use serde_json::Value;
use tempfile::TempDir;
use test_servers::{Pushgateway, until};

use crate::{
    history::{Ledger, Told, now},
    host::Runner,
    shipped, texts,
    watched::{Host, Watched, past, push},
};

const FOLDER: &str = "infrastructure/grafana";
const PATIENCE: Duration = Duration::from_secs(60);

/// A board by the name of its file.
fn boards() -> BTreeMap<String, Value> {
    let folder = fs::read_dir(shipped::path(FOLDER).join("dashboards")).unwrap();
    let boards: BTreeMap<String, Value> = folder
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let board = serde_json::from_str(&fs::read_to_string(path).unwrap());
            (name, board.unwrap())
        })
        .collect();
    let names: Vec<&str> = boards.keys().map(String::as_str).collect();
    assert_eq!(names, ["deployments.json", "runner-health.json"]);
    boards
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    let text = of[member].as_str();
    text.unwrap_or_else(|| panic!("{member} of {of:#}"))
}

/// The panels that ask something: all but the headings of rows.
fn panels(board: &Value) -> Vec<&Value> {
    let panels = board["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

fn variables(board: &Value) -> &Vec<Value> {
    board["templating"]["list"].as_array().unwrap()
}

/// Every query of a board: title of its panel, kind of its data source, and itself.
fn targets(board: &Value) -> Vec<(&str, &str, &Value)> {
    let mut all = Vec::new();
    for panel in panels(board) {
        for target in panel["targets"].as_array().unwrap() {
            all.push((
                text(panel, "title"),
                text(&target["datasource"], "type"),
                target,
            ));
        }
    }
    all
}

/// A query with what variables stand for.
fn filled_in(query: &str, variables: &BTreeMap<String, String>) -> String {
    let mut filled = query.replace("$__range", "3600s");
    for (name, value) in variables {
        filled = filled.replace(&format!("${name}"), value);
    }
    assert!(!filled.contains('$'), "a variable nobody has: {filled}");
    filled
}

/// What a board's variables stand for where the value that `pick` picks is chosen of each: `None` is All.
fn chosen(
    board: &Value,
    watched: &Watched,
    pick: impl Fn(&str, &[String]) -> Option<String>,
) -> BTreeMap<String, String> {
    let mut chosen = BTreeMap::new();
    for variable in variables(board) {
        if variable["type"] != "query" {
            continue;
        }
        let name = text(variable, "name");
        let query = filled_in(text(variable, "definition"), &chosen);
        assert_eq!(text(&variable["query"], "query"), variable["definition"]);
        let (selector, label) = query
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|rest| rest.rsplit_once(", "))
            .unwrap_or_else(|| panic!("{query}"));
        let encoded: String = selector
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let path = format!("/api/v1/label/{label}/values?match%5B%5D={encoded}");
        let answer: Value = serde_json::from_str(&watched.prometheus.get(&path)).unwrap();
        let values: Vec<String> = serde_json::from_value(answer["data"].clone()).unwrap();
        assert!(!values.is_empty(), "{name} has a choice: {query}");
        let all = || match variable["allValue"].as_str() {
            Some(all) => all.to_owned(),
            None => format!("({})", values.join("|")),
        };
        chosen.insert(name.to_owned(), pick(name, &values).unwrap_or_else(all));
    }
    chosen
}

/// The numbers that Prometheus has for a query, over the last minutes where the panel shows a course.
fn answers(watched: &Watched, target: &Value, query: &str) -> Vec<f64> {
    let number = |value: &Value| value[1].as_str().unwrap().parse::<f64>().unwrap();
    if target["instant"] == true {
        return watched.vector(query).into_values().collect();
    }
    let end = now().0 / 1000;
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!(
        "/api/v1/query_range?query={encoded}&start={}&end={end}&step=1",
        end - 300
    );
    let answer: Value = serde_json::from_str(&watched.prometheus.get(&path)).unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    let series = answer["data"]["result"].as_array().unwrap().iter();
    let values = series.flat_map(|one| one["values"].as_array().unwrap());
    values.map(number).collect()
}

/// A Prometheus that has seen two runners and the deployments of two repositories.
struct World {
    watched: Watched,
    _gateway: Pushgateway,
    _hosts: [Host; 2],
    _targets: TempDir,
}

impl World {
    fn new() -> World {
        let gateway = Pushgateway::start();
        for lock in ["octo/shop/production", "octo/till/production"] {
            let mut ledger = Ledger::new(lock);
            ledger.subject.repository = lock.rsplit_once('/').unwrap().0.to_owned();
            let ends = [
                None,
                Some(FailureReason::Gates),
                Some(FailureReason::Preflight),
            ];
            for failed in ends {
                for role in [Role::Primary, Role::Secondary] {
                    let told = Told {
                        role,
                        failed,
                        ..Told::default()
                    };
                    ledger.deploy(now(), told);
                }
            }
            push(&ledger, &gateway);
        }
        let hosts = [Host::start(), Host::start()];
        let roles = ["primary", "secondary"];
        let targets = TempDir::new().unwrap();
        let mut listed = Vec::new();
        for (number, (host, role)) in hosts.iter().zip(roles).enumerate() {
            let runner = Runner {
                name: &format!("runner-{}", number + 1),
                environment: "production",
                role,
                online: true,
            };
            host.says(runner.shown());
            listed.push(serde_json::json!({
                "targets": [host.address.to_string()],
                "labels": {"instance": runner.name, "environment": "production", "role": role},
            }));
        }
        let file = targets.path().join("runners.json");
        fs::write(file, Value::from(listed).to_string()).unwrap();
        let config = shipped::quick(
            &shipped::quick_config(&gateway.address.to_string()),
            &[(
                "targets/*.json",
                &format!("{}/*.json", targets.path().display()),
            )],
        );
        let watched = Watched::start(config, past(&gateway, 2));
        World {
            watched,
            _gateway: gateway,
            _hosts: hosts,
            _targets: targets,
        }
    }
}

#[test]
fn every_panel_has_an_answer_for_all_and_for_one_of_each_and_none_for_what_is_not_there() {
    let world = World::new();
    let watched = &world.watched;
    // What is seen last: a rule that needs another rule's value, and two scrapes of both hosts.
    watched.until_number(
        "count(count by (lock) (deployment_failover:growth1h))",
        Some(2.0),
    );
    watched.until_number(
        "count(lock:deployment_failover_success_ratio:30d)",
        Some(2.0),
    );
    watched.until_number(
        "count(count_over_time(runner_exporter_scrape_errors_total[1m]) > 1)",
        Some(2.0),
    );
    for (file, board) in boards() {
        let all = chosen(&board, watched, |_, _| None);
        let one = chosen(&board, watched, |_, values| values.last().cloned());
        assert_ne!(all, one);
        let asked: Vec<_> = targets(&board)
            .into_iter()
            .filter(|(_, kind, _)| *kind == "prometheus")
            .collect();
        assert!(asked.len() >= 15, "{file}: {}", asked.len());
        for (title, _, target) in asked {
            let expression = text(target, "expr");
            for chosen in [&all, &one] {
                let query = filled_in(expression, chosen);
                let numbers = until(PATIENCE, &format!("{title} of {file}: {query}"), || {
                    let numbers = answers(watched, target, &query);
                    (!numbers.is_empty()).then_some(numbers)
                });
                assert!(
                    numbers.iter().all(|number| number.is_finite()),
                    "{title} of {file}: {query}: {numbers:?}"
                );
            }
            // Whatever a variable stands for matters.
            let mut elsewhere = all.clone();
            for value in elsewhere.values_mut() {
                "nowhere".clone_into(value);
            }
            let query = filled_in(expression, &elsewhere);
            let seen = answers(watched, target, &query);
            let counts_none = expression.ends_with("or vector(0)");
            assert!(
                seen.is_empty() || counts_none && seen.iter().all(|number| *number == 0.0),
                "{title} of {file} asks for all whatever is chosen: {query}"
            );
        }
    }
    // One repository is one lock of two.
    let board = &boards()["deployments.json"];
    let shop = chosen(board, watched, |name, _| {
        (name == "repository").then(|| "octo/shop".to_owned())
    });
    assert_eq!(shop["lock"], "(octo/shop/production)");
    let all = chosen(board, watched, |_, _| None);
    assert_eq!(all["lock"], "(octo/shop/production|octo/till/production)");
}

#[test]
fn no_board_names_a_data_source_of_its_own() {
    for (file, board) in boards() {
        let mut found = BTreeSet::new();
        uids(&board, "", &mut found);
        let own = found.iter().filter(|(path, _)| path == "uid");
        assert_eq!(own.count(), 1, "{file} has an identifier of its own");
        for (path, uid) in &found {
            let variable = ["${datasource}", "${loki}"].contains(&uid.as_str());
            assert!(path == "uid" || variable, "{file}: {uid} at {path}");
        }
        for variable in variables(&board) {
            let picked = &variable["current"]["value"];
            let all = picked == &serde_json::json!(["$__all"]);
            assert!(picked.is_null() || all, "{file}: {variable}");
        }
        for (title, kind, target) in targets(&board) {
            let wanted = if kind == "loki" {
                "${loki}"
            } else {
                "${datasource}"
            };
            assert_eq!(target["datasource"]["uid"], wanted, "{title} of {file}");
        }
    }
}

/// Every `uid` below a value, by its path.
fn uids(value: &Value, path: &str, found: &mut BTreeSet<(String, String)>) {
    let below = |name: &str| format!("{path}.{name}").trim_start_matches('.').to_owned();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "uid" {
                    found.insert((below(name), member.as_str().unwrap().to_owned()));
                }
                uids(member, &below(name), found);
            }
        }
        Value::Array(members) => {
            for (number, member) in members.iter().enumerate() {
                uids(member, &below(&number.to_string()), found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_boards_offer_the_variables_and_every_one_is_used() {
    let wanted = [
        (
            "deployments.json",
            vec![
                "datasource",
                "loki",
                "environment",
                "repository",
                "runner",
                "lock",
            ],
        ),
        (
            "runner-health.json",
            vec!["datasource", "environment", "runner"],
        ),
    ];
    let boards = boards();
    for (file, wanted) in wanted {
        let board = &boards[file];
        let names: Vec<&str> = variables(board)
            .iter()
            .map(|one| text(one, "name"))
            .collect();
        assert_eq!(names, wanted, "{file}");
        let whole = board.to_string();
        for name in names {
            let used =
                whole.contains(&format!("${name}")) || whole.contains(&format!("${{{name}}}"));
            assert!(used, "{file} uses {name}");
        }
    }
}

#[test]
fn a_panel_s_limit_is_its_alert_s() {
    let boards = boards();
    let rules: String = shipped::quick_rules()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    for (file, title, limit, rule) in [
        (
            "runner-health.json",
            "CPU",
            90.0,
            "runner_cpu_usage_percent[3m]) > 90\n",
        ),
        (
            "runner-health.json",
            "Memory",
            90.0,
            "runner_memory_usage_percent[3m]) > 90\n",
        ),
        (
            "runner-health.json",
            "Disk",
            85.0,
            "runner_disk_usage_percent[3m]) > 85\n",
        ),
        (
            "deployments.json",
            "Success rate against 95 %",
            0.95,
            "lock:deployment_success_ratio:30d < 0.95\n",
        ),
        (
            "deployments.json",
            "95th percentile against 10 minutes",
            600.0,
            "lock:deployment_duration_p95_seconds:30d > 600\n",
        ),
        (
            "deployments.json",
            "Success rate",
            0.95,
            "lock:deployment_success_ratio:30d < 0.95\n",
        ),
        (
            "deployments.json",
            "Takeovers that ended well",
            0.9,
            "lock:deployment_failover_success_ratio:30d < 0.9\n",
        ),
    ] {
        assert!(rules.contains(rule), "{rule}");
        let panel = panels(&boards[file])
            .into_iter()
            .find(|panel| panel["title"] == title)
            .unwrap_or_else(|| panic!("{title} of {file}"));
        let steps = &panel["fieldConfig"]["defaults"]["thresholds"]["steps"];
        let last = steps.as_array().unwrap().last().unwrap();
        assert_eq!(last["value"], limit, "{title} of {file}");
    }
}

#[test]
fn panels_say_what_they_show_stand_beside_one_another_and_count_no_reset() {
    for (file, board) in boards() {
        assert!(text(&board, "uid").starts_with("baton-"));
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let title = text(panel, "title");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{title} of {file}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{title} of {file} lies on another");
                }
            }
        }
        for panel in panels(&board) {
            let said = text(panel, "description");
            assert!(said.ends_with('.'), "{}: {said}", panel["title"]);
        }
        for (title, kind, target) in targets(&board) {
            let expression = text(target, "expr");
            let resets = ["increase(", "rate(", "delta("];
            if kind == "prometheus" && resets.iter().any(|word| expression.contains(word)) {
                let names = texts::metrics_in(expression);
                let pushed = |name: &String| !name.starts_with("runner_exporter_");
                assert!(!names.iter().any(pushed), "{title} of {file}: {expression}");
            }
        }
    }
}

#[test]
fn the_provisioning_finds_the_boards_and_has_each_kind_of_source_that_they_ask() {
    let providers = shipped::text(&format!("{FOLDER}/provisioning/dashboards/baton.yaml"));
    assert!(providers.contains("path: /var/lib/grafana/dashboards/baton\n"));
    let sources = shipped::text(&format!("{FOLDER}/provisioning/datasources/baton.yaml"));
    assert!(!sources.contains("uid:"), "{sources}");
    for board in boards().values() {
        let asked = variables(board)
            .iter()
            .filter(|one| one["type"] == "datasource");
        for variable in asked {
            let kind = format!("type: {}\n", text(variable, "query"));
            assert!(sources.contains(&kind), "{kind}");
        }
    }
}
