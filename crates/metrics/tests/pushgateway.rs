//! Pushes to a real Pushgateway, and what comes of them in a real Prometheus.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exposition;
mod tips;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use exposition::Labels;
use ledger::{Role, Tip};
use metrics::{Gateway, GatewayError, Group, JOB, METRICS, Subject};
use probes::http::{Client, ClientOptions, Credentials, Request, Roots};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use test_servers::{Prometheus, Pushgateway, PushgatewaySetup, until};
use tips::{HOSTILE, deployment, moment, of_names, succeed};
use tokio::time::Instant;

const ROLES: [Role; 2] = [Role::Primary, Role::Secondary];
/// The bcrypt hash of `canary-password`.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuag0.YlF7tv7WKWN7rgqJ5KkJ9XU2wny";

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn subject() -> Subject {
    Subject {
        lock: "octo/shop/production".to_owned(),
        environment: "production".to_owned(),
        repository: "octo/shop".to_owned(),
    }
}

fn groups(subject: &Subject) -> [Group; 2] {
    ROLES.map(|role| Group {
        subject: subject.clone(),
        role,
    })
}

async fn put(gateway: &Gateway, subject: &Subject, tip: &Tip) -> Result<(), GatewayError> {
    for group in groups(subject) {
        let text = metrics::text(&moment(tip), group.role).unwrap();
        gateway.put(&group, &text, soon()).await?;
    }
    Ok(())
}

/// What the gateway must hold of a tip.
fn expected(subject: &Subject, tip: &Tip) -> BTreeMap<(String, Labels), f64> {
    let file = metrics::textfile(subject, &moment(tip)).unwrap();
    let mut series = BTreeMap::new();
    for ((name, mut labels), value) in exposition::read(&file).series {
        labels.insert("job".to_owned(), JOB.to_owned());
        series.insert((name, labels), value);
    }
    series
}

/// What the gateway holds of pushes: not what it says of itself.
fn held(server: &Pushgateway) -> BTreeMap<(String, Labels), f64> {
    let known: BTreeSet<&str> = METRICS.iter().map(|m| m.name).collect();
    let scraped = exposition::read(&server.metrics());
    for family in scraped.families.keys() {
        let is_its_own = ["go_", "process_", "pushgateway_", "push_"]
            .iter()
            .any(|start| family.starts_with(start));
        assert!(is_its_own || known.contains(family.as_str()), "{family}");
    }
    let is_ours = |name: &str| {
        name.starts_with("deployment_") || name.contains("_gate_") || name.starts_with("preflight_")
    };
    let series = scraped.series.into_iter();
    series.filter(|((name, _), _)| is_ours(name)).collect()
}

/// The labels of every group, and how many of each metric's series it holds by the query API.
fn group_labels(server: &Pushgateway) -> BTreeSet<Labels> {
    let all: Value = serde_json::from_str(&server.groups()).unwrap();
    let labels = all["data"].as_array().unwrap().iter().map(|group| {
        assert_eq!(group["last_push_successful"], Value::Bool(true), "{group}");
        serde_json::from_value(group["labels"].clone()).unwrap()
    });
    labels.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_arrive_unchanged_and_add_no_label_line_or_group() {
    let server = Pushgateway::start();
    let gateway = Gateway::new(&server.url(), None, None).unwrap();
    // Under every hostile lock, environment and repository, and in the names of what happened.
    let tip = of_names(HOSTILE);
    let small = of_names(&["main"]);
    let mut wanted = BTreeMap::new();
    let mut wanted_groups = BTreeSet::new();
    for (at, name) in HOSTILE.iter().enumerate() {
        let subject = Subject {
            lock: format!("{name}{name}"),
            environment: (*name).to_owned(),
            repository: (*name).to_owned(),
        };
        let tip = if at == 0 { &tip } else { &small };
        put(&gateway, &subject, tip).await.unwrap();
        wanted.extend(expected(&subject, tip));
        for group in groups(&subject) {
            let labels = group.labels().map(|(name, value)| (name.to_owned(), value));
            let job = ("job".to_owned(), JOB.to_owned());
            wanted_groups.insert(labels.into_iter().chain([job]).collect());
        }
    }
    assert_eq!(wanted_groups.len(), 2 * HOSTILE.len());
    assert_eq!(group_labels(&server), wanted_groups);
    assert_eq!(held(&server), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_arrive_in_prometheus_and_lose_no_scrape() {
    let server = Pushgateway::start();
    let prometheus = Prometheus::start(server.address);
    let gateway = Gateway::new(&server.url(), None, None).unwrap();
    let names: Vec<&str> = HOSTILE.iter().copied().chain(["nul\0nul"]).collect();
    let tip = of_names(&names);
    put(&gateway, &subject(), &tip).await.unwrap();
    let wanted: BTreeSet<String> = names
        .iter()
        .map(|name| name.replace('\0', "\u{fffd}"))
        .collect();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let seen = query(&prometheus, "deployment_success_total{role=\"secondary\"}").await;
        let seen: BTreeSet<String> = seen
            .iter()
            .map(|series| {
                assert_eq!(series["value"][1], "1", "{series}");
                let text = |label: &str| {
                    series["metric"][label]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned()
                };
                assert_eq!(text("lock"), "octo/shop/production");
                assert_eq!(text("workflow"), text("branch"));
                text("branch")
            })
            .collect();
        if seen == wanted {
            break;
        }
        assert!(Instant::now() < end, "seen {seen:?}, wanted {wanted:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn query(prometheus: &Prometheus, query: &str) -> Vec<Value> {
    let form = Request::form(&[("query".to_owned(), query.to_owned())]);
    let request = Request::new("GET", &format!("{}/api/v1/query?{form}", prometheus.url)).unwrap();
    let client = Client::shared(ClientOptions::default()).unwrap();
    let answer = client.ask(&request, soon()).await.unwrap();
    let all: Value = answer.json().unwrap();
    all["data"]["result"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_replaces_its_group_and_leaves_others_alone() {
    let server = Pushgateway::start();
    let gateway = Gateway::new(&format!("{}/", server.url()), None, None).unwrap();
    let other = Subject {
        environment: "staging".to_owned(),
        ..subject()
    };
    let full = of_names(&["a", "b"]);
    put(&gateway, &other, &full).await.unwrap();
    put(&gateway, &subject(), &full).await.unwrap();
    put(&gateway, &subject(), &full).await.unwrap();
    let both = [expected(&other, &full), expected(&subject(), &full)].concat_maps();
    assert_eq!(held(&server), both, "twice is once");

    let mut less = Tip::default();
    succeed(&mut less, &deployment("deploy.yml", "refs/heads/main", 1));
    put(&gateway, &subject(), &less).await.unwrap();
    let both = [expected(&other, &full), expected(&subject(), &less)].concat_maps();
    assert_eq!(held(&server), both, "what vanished from the tip is gone");
}

trait ConcatMaps {
    fn concat_maps(self) -> BTreeMap<(String, Labels), f64>;
}

impl ConcatMaps for [BTreeMap<(String, Labels), f64>; 2] {
    fn concat_maps(self) -> BTreeMap<(String, Labels), f64> {
        self.into_iter().flatten().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_died_has_all_again_after_the_next_push_with_and_without_persistence() {
    let tip = of_names(&["main"]);
    for persistent in [true, false] {
        let mut server = Pushgateway::start_with(PushgatewaySetup {
            persistent,
            ..PushgatewaySetup::default()
        });
        let gateway = Gateway::new(&server.url(), None, None).unwrap();
        put(&gateway, &subject(), &tip).await.unwrap();
        if let Some(file) = server.persistence() {
            // Both groups are in it, whose names stand there as they are.
            let both = ["runner-primary", "runner-secondary"];
            until(Duration::from_secs(20), "the file", || {
                let text = std::fs::read(&file).ok()?;
                let text = String::from_utf8_lossy(&text).into_owned();
                both.iter().all(|name| text.contains(name)).then_some(())
            });
        }
        server.stop();
        // The first may find a connection that ended, the second finds nobody.
        let fresh = Gateway::new(&server.url(), None, None).unwrap();
        for gateway in [&gateway, &fresh] {
            let error = put(gateway, &subject(), &tip).await.unwrap_err();
            assert!(matches!(error, GatewayError::OutOfReach(_)), "{error:?}");
            assert!(error.may_pass());
        }
        let error = put(&fresh, &subject(), &tip).await.unwrap_err();
        let refused = format!("connect to {}: connection refused", server.address);
        assert_eq!(error.to_string(), refused);

        server.start_again();
        let kept = expected(&subject(), &tip);
        assert_eq!(held(&server) == kept, persistent);
        // The client that pushed before the gateway died pushes again.
        put(&gateway, &subject(), &tip).await.unwrap();
        assert_eq!(held(&server), kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_the_gateways_own_words_and_changes_nothing() {
    let server = Pushgateway::start();
    let gateway = Gateway::new(&server.url(), None, None).unwrap();
    let tip = of_names(&["main"]);
    put(&gateway, &subject(), &tip).await.unwrap();
    let other = Group {
        subject: Subject {
            environment: "staging".to_owned(),
            ..subject()
        },
        role: Role::Primary,
    };
    for (text, said) in [
        (
            "# TYPE deployment_attempts_total gauge\ndeployment_attempts_total 1\n",
            // Which of the two it names is chance.
            "} is not a ",
        ),
        ("x{ 1\n", "text format parsing error in line 1"),
        (
            "x 1\nx 1\n",
            "was collected before with the same name and label values",
        ),
    ] {
        let error = gateway.put(&other, text, soon()).await.unwrap_err();
        assert!(matches!(error, GatewayError::Refused { .. }), "{error:?}");
        assert!(!error.may_pass());
        let shown = error.to_string();
        let start = format!("push to {}: refused, 400 Bad Request: ", server.url());
        assert!(shown.starts_with(&start) && shown.contains(said), "{shown}");
        assert!(
            shown.lines().count() == 1 && shown.chars().count() < 350,
            "{shown}"
        );
    }
    let text = "# TYPE deployment_attempts_total gauge\ndeployment_attempts_total 1\n";
    let error = gateway.put(&other, text, soon()).await.unwrap_err();
    assert!(
        error.to_string().contains("\"deployment_attempts_total\""),
        "the metric is named: {error}"
    );
    assert_eq!(held(&server), expected(&subject(), &tip));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_under_a_base_path_is_found_with_and_without_a_slash_and_nowhere_else() {
    let server = Pushgateway::start_with(PushgatewaySetup {
        prefix: "/team/push".to_owned(),
        ..PushgatewaySetup::default()
    });
    let tip = of_names(&["release/1"]);
    for end in ["", "/", "//"] {
        let gateway = Gateway::new(&format!(" {}{end} ", server.url()), None, None).unwrap();
        assert_eq!(gateway.place(), server.url());
        put(&gateway, &subject(), &tip).await.unwrap();
    }
    assert_eq!(held(&server), expected(&subject(), &tip));

    let beside = Gateway::new(&format!("http://{}/other", server.address), None, None).unwrap();
    let error = put(&beside, &subject(), &tip).await.unwrap_err();
    assert!(matches!(error, GatewayError::NotThere { .. }), "{error:?}");
    assert!(!error.may_pass());
    assert_eq!(
        error.to_string(),
        format!(
            "push to http://{}/other: no Pushgateway at this path, 404 Not Found: 404 page not found",
            server.address
        )
    );
}

/// An authority's certificate, and a certificate of it for 127.0.0.1 with its key, in PEM.
fn certificate() -> (String, (String, String)) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    (issuer.pem(), (leaf.pem(), key.serialize_pem()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_its_own_authority_and_a_user_is_pushed_to_with_both_alone() {
    let (authority, tls) = certificate();
    let folder = tempfile::tempdir().unwrap();
    let [ca, other] = ["ca.pem", "other.pem"].map(|name| folder.path().join(name));
    std::fs::write(&ca, authority).unwrap();
    std::fs::write(&other, certificate().0).unwrap();
    let server = Pushgateway::start_with(PushgatewaySetup {
        tls: Some(tls),
        user: Some(("pusher".to_owned(), HASH.to_owned())),
        ..PushgatewaySetup::default()
    });
    let tip = of_names(&["main"]);
    let credentials = || Some(Credentials::of("pusher:canary-password"));

    let gateway = Gateway::new(&server.url(), credentials(), Some(&ca)).unwrap();
    put(&gateway, &subject(), &tip).await.unwrap();
    let in_address = server
        .url()
        .replace("https://", "https://pusher:canary-password@");
    let named = Gateway::new(&in_address, None, Some(&ca)).unwrap();
    put(&named, &subject(), &tip).await.unwrap();
    let client = Client::new(ClientOptions {
        roots: Roots::File(ca.clone()),
        ..ClientOptions::default()
    });
    let request = Request::new("GET", &format!("{in_address}/metrics")).unwrap();
    let scraped = client.unwrap().ask(&request, soon()).await.unwrap();
    assert_eq!(scraped.status, 200);
    assert!(scraped.text().contains("deployment_attempts_total{"));

    for (gateway, wanted) in [
        (
            Gateway::new(&server.url(), None, Some(&ca)),
            "not permitted, 401",
        ),
        (
            Gateway::new(
                &server.url(),
                Some(Credentials::of("pusher:canary")),
                Some(&ca),
            ),
            "not permitted, 401",
        ),
        (
            Gateway::new(&server.url(), credentials(), Some(&other)),
            "invalid peer certificate",
        ),
    ] {
        let error = put(&gateway.unwrap(), &subject(), &tip).await.unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
        assert!(
            !error.to_string().contains("canary") && !error.may_pass(),
            "{error:?}"
        );
    }
    let missing = Gateway::new(&server.url(), None, Some(&folder.path().join("none.pem")));
    let error = missing.unwrap_err();
    assert!(matches!(error, GatewayError::Client(_)), "{error:?}");
    assert!(
        error.to_string().ends_with("none.pem: entity not found"),
        "{error}"
    );
}

// On one thread, as the binaries run: on several, the connection may come back a moment after its answer.
#[tokio::test]
async fn both_groups_go_over_one_connection() {
    let server = Pushgateway::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let address = server.address;
    let task = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut far = tokio::net::TcpStream::connect(address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let gateway = Gateway::new(&format!("http://{between}"), None, None).unwrap();
    let tip = of_names(&["main"]);
    for _ in 0..20 {
        put(&gateway, &subject(), &tip).await.unwrap();
    }
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    task.abort();
    assert_eq!(held(&server), expected(&subject(), &tip));
}
