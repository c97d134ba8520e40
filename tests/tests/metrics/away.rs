//! A gateway or a store that is away, refuses, or does not know who asks.

use baton_tests::{Run, Scene};
use lease::testing::http_git::Mode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use test_servers::{Pushgateway, PushgatewaySetup};

use crate::{
    SOON, TRIED, deploy,
    front::{Behind, Front},
    held::assert_equal,
};

/// The bcrypt hash of `canary-password`.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuag0.YlF7tv7WKWN7rgqJ5KkJ9XU2wny";

#[test]
fn a_gateway_that_is_away_is_a_warning_and_the_next_push_carries_everything() {
    let scene = Scene::new();
    let mut gateway = Pushgateway::start();
    gateway.stop();
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    let step = |required| {
        scene
            .metrics(&run, 1)
            .on(if required { "required" } else { "not" })
            .input("pushgateway-url", gateway.url())
            .input("required", required)
            .start()
    };
    let (mut required, mut not) = (step(true), step(false));
    let ended = not.wait(TRIED).expect(0);
    // The log is told the reason once, and how often it was tried.
    let told = ended.log().matches("failed to push the metrics").count();
    assert_eq!(told, 1, "{}", ended.log());
    assert!(ended.log().contains("times within"), "{}", ended.log());
    assert_eq!(ended.output("result"), "incomplete");
    assert_eq!(ended.output("success-ratio"), "1.0000");
    let log = ended.log();
    let warnings: Vec<&str> = log.lines().filter(|l| l.starts_with("::warning")).collect();
    assert!(
        matches!(warnings.as_slice(), [one] if one.contains("connection refused")),
        "{log}"
    );
    for part in [
        "❌ Pushgateway",
        "connection refused",
        "What now",
        "Nothing is lost",
    ] {
        assert!(
            ended.summary().contains(part),
            "{part}: {}",
            ended.summary()
        );
    }
    let ended = required.wait(TRIED).expect(69);
    assert!(ended.log().contains("::error"), "{}", ended.log());

    gateway.start_again();
    let next = Run::number(2);
    deploy(&scene, &next, "exit 3");
    let push = scene
        .metrics(&next, 1)
        .input("pushgateway-url", gateway.url());
    let ended = push.finish(SOON).expect(0);
    assert_eq!(ended.output("result"), "pass");
    assert_equal(&gateway, &scene);
}

#[test]
fn a_gateway_that_comes_back_in_time_is_pushed_to() {
    let scene = Scene::new();
    let mut gateway = Pushgateway::start();
    gateway.stop();
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    let mut step = scene
        .metrics(&run, 1)
        .input("pushgateway-url", gateway.url())
        .start();
    step.says("failed to push the metrics", SOON);
    gateway.start_again();
    let ended = step.wait(SOON).expect(0);
    assert_eq!(ended.output("result"), "pass");
    assert!(!ended.log().contains("::warning"), "{}", ended.log());
    assert_equal(&gateway, &scene);
}

#[test]
fn what_a_gateway_refuses_is_shown_with_its_own_words_and_not_tried_again() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let front = Front::of(Behind::Server(gateway.address));
    // Somebody else pushed a metric of the same name that is something else.
    push_foreign(&gateway, "deployment_attempts_total{who=\"else\"} 1");
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    for (required, code) in [(false, 0), (true, 1)] {
        let before = front.arrived().len();
        let ended = scene
            .metrics(&run, 1)
            .input("pushgateway-url", front.url())
            .input("required", required)
            .finish(SOON)
            .expect(code);
        assert_eq!(front.arrived().len(), before + 1);
        assert_eq!(ended.output("result"), "incomplete");
        for part in ["refused, 400", " is not a ", "What now"] {
            assert!(
                ended.summary().contains(part),
                "{part}: {}",
                ended.summary()
            );
        }
        for part in ["refused, 400", "\"deployment_attempts_total\""] {
            assert!(ended.log().contains(part), "{part}: {}", ended.log());
        }
    }
}

/// Puts a gauge into a group of somebody else's.
fn push_foreign(gateway: &Pushgateway, line: &str) {
    let name = line.split(['{', ' ']).next().unwrap();
    let body = format!("# TYPE {name} gauge\n{line}\n");
    let mut client = std::net::TcpStream::connect(gateway.address).unwrap();
    let text = format!(
        "PUT /metrics/job/other HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut client, text.as_bytes()).unwrap();
    let answer = std::io::read_to_string(client).unwrap();
    assert!(answer.contains(" 200 "), "{answer}");
}

#[test]
fn a_store_out_of_reach_is_a_warning_or_69_and_nothing_is_pushed() {
    let scene = Scene::new();
    let link = scene.link();
    let front = Front::of(Behind::Words(200, String::new()));
    let run = Run::number(1);
    link.set(Mode::Refuse);
    let step = |required| {
        scene
            .metrics(&run, 1)
            .on(if required { "required" } else { "not" })
            .over(&link)
            .input("pushgateway-url", front.url())
            .input("required", required)
            .start()
    };
    let (mut required, mut not) = (step(true), step(false));
    for (step, code) in [(&mut not, 0), (&mut required, 69)] {
        let ended = step.wait(TRIED).expect(code);
        assert_eq!(ended.output("result"), "incomplete");
        for part in ["❌ the store", "What now"] {
            assert!(
                ended.summary().contains(part),
                "{part}: {}",
                ended.summary()
            );
        }
        assert!(ended.log().contains("trying again"), "{}", ended.log());
    }
    assert_eq!(front.connections(), 0);
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

#[test]
fn a_gateway_with_its_own_authority_a_user_and_a_base_path_wants_all_three() {
    let (authority, tls) = certificate();
    let scene = Scene::new();
    let gateway = Pushgateway::start_with(PushgatewaySetup {
        prefix: "/team/push".to_owned(),
        tls: Some(tls),
        user: Some(("me".to_owned(), HASH.to_owned())),
        ..PushgatewaySetup::default()
    });
    let ca = scene.folder().join("authority.pem");
    std::fs::write(&ca, authority).unwrap();
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    let step = |url: String, auth: &str| {
        scene
            .metrics(&run, 1)
            .input("pushgateway-url", url)
            .input("pushgateway-auth", auth)
            .input("required", true)
            .input("ca-file", ca.display())
    };
    let right = "me:canary-password";
    let ended = step(gateway.url(), right).finish(SOON).expect(0);
    assert_eq!(ended.output("result"), "pass");
    let ended = step(gateway.url() + "/", right).finish(SOON).expect(0);
    assert_eq!(ended.output("result"), "pass");

    let bare = format!("https://{}", gateway.address);
    for (refused, said, input) in [
        (
            step(gateway.url(), "me:wrong-password"),
            "not permitted, 401",
            "`pushgateway-auth` says who pushes",
        ),
        (
            step(gateway.url(), "a-bearer-token"),
            "not permitted, 401",
            "`pushgateway-auth` says who pushes",
        ),
        (step(bare, right), "no Pushgateway at this path, 404", ""),
        (
            step(gateway.url(), right).default_of(&["ca-file"]),
            "certificate",
            "is named in `ca-file`",
        ),
    ] {
        let ended = refused.finish(SOON).expect(1);
        for part in [said, input] {
            assert!(ended.log().contains(part), "{part}: {}", ended.log());
        }
        assert!(
            ended.summary().contains(said),
            "{said}: {}",
            ended.summary()
        );
    }
}
