//! Wrong inputs, all named at once; and signals.

use std::{
    fs,
    time::{Duration, Instant},
};

use baton_tests::{Run, Scene};
use lease::testing::http_git::Mode;
use nix::sys::signal::Signal;

use crate::{
    SOON, deploy,
    front::{Behind, Front, Gate},
};

#[test]
fn everything_that_is_wrong_is_named_at_once_with_what_was_seen_and_wanted_and_its_mend() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let canary = "canary-5d81f0c2b7e9";
    let ended = scene
        .metrics(&run, 1)
        .input(
            "pushgateway-url",
            format!("http://me:{canary}@gate.internal/metrics"),
        )
        .input("loki-auth", format!("me:{canary}"))
        .input("loki-tenant", "team-a")
        .input("loki-output", true)
        .input("textfile", "metrics.txt")
        .input("events-file", "not/there/events.jsonl")
        .input("window", "36h")
        .input("required", "perhaps")
        .finish(SOON)
        .expect(64);
    // Markdown's own escapes aside.
    let (log, summary) = (ended.log(), ended.summary().replace('\\', ""));
    for (input, seen, wanted) in [
        (
            "pushgateway-url",
            "must end before /metrics",
            "base address",
        ),
        ("loki-auth", "`loki-url` is unset", "`loki-url` beside it"),
        ("loki-tenant", "`loki-url` is unset", "`loki-url` beside it"),
        ("loki-output", "`loki-url` is unset", "`loki-url` beside it"),
        ("textfile", "metrics.txt", "ends in `.prom`"),
        ("events-file", "not/there", "folder that is there"),
        ("window", "36h", "whole days"),
        ("required", "perhaps", "true"),
    ] {
        for text in [&log, &summary] {
            let told = text
                .lines()
                .any(|line| [input, seen, wanted].iter().all(|part| line.contains(part)));
            assert!(told, "{input}: {text}");
        }
    }
    assert!(
        !log.contains(canary) || log.contains("::add-mask::"),
        "{log}"
    );
    assert!(!summary.contains(canary), "{summary}");
    assert!(!scene.repository().exists(), "nothing was done");
}

#[test]
fn what_cannot_be_read_or_is_no_address_is_named_with_its_input() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let unreadable = scene.folder().join("folder.pem");
    fs::create_dir(&unreadable).unwrap();
    let ended = scene
        .metrics(&run, 1)
        .input("pushgateway-url", "http://gate.internal:9091")
        .input("loki-url", "ftp://loki.internal")
        .input("pushgateway-auth", "line\nbreak")
        .input("ca-file", unreadable.display())
        .input("textfile", "baton.prom/")
        .input("window", "40d")
        .finish(SOON)
        .expect(64);
    for input in ["loki-url", "ca-file", "window"] {
        assert!(ended.log().contains(input), "{input}: {}", ended.log());
    }
    let missing = scene
        .metrics(&run, 1)
        .input("pushgateway-url", "https://gate.internal:9091")
        .input("ca-file", "none.pem")
        .finish(SOON)
        .expect(64);
    assert!(missing.log().contains("none.pem"), "{}", missing.log());
}

#[test]
fn a_signal_ends_it_at_once_wherever_it_waits() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    deploy(&scene, &run, "true");
    let gateway = Front::of(Behind::Words(200, String::new()));
    gateway.set(Gate::BeforeServer);
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let before = gateway.arrived().len();
        let mut pushing = scene
            .metrics(&run, 1)
            .input("pushgateway-url", gateway.url())
            .start();
        gateway.await_arrived(before + 1);
        ends_quickly(&mut pushing, signal, code);

        link.set(Mode::Silent);
        link.take_requests();
        let mut reading = scene.metrics(&run, 1).over(&link).start();
        baton_tests::patience::until(SOON, "a question", || {
            (!link.take_requests().is_empty()).then_some(())
        });
        ends_quickly(&mut reading, signal, code);
        link.set(Mode::Serve);
    }
}

fn ends_quickly(step: &mut baton_tests::Process, signal: Signal, code: i32) {
    let told = Instant::now();
    step.signal(signal);
    let ended = step.wait(SOON).expect(code);
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    assert!(ended.log().contains("told to stop"), "{}", ended.log());
}
