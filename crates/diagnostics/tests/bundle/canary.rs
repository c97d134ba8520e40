//! Secrets that stand everywhere on a host, and must stand in no bundle.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixListener,
};

use actions_kit::{Redactor, Secret};
use diagnostics::Part;
use ledger::Event;

use crate::{Host, entry};

/// Known to the step: an input, or a mask.
const KNOWN: &str = "canary-known/5d81f0c2";
/// Known to nobody, but in a variable that is called like a secret.
const NAMED: &str = "canary+named 77";
/// Known to nobody.
const UNKNOWN: &str = "canary-unknown-9e";

/// Hears any question and answers with containers that were told everything.
fn docker(path: &std::path::Path) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let count = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..count]).into_owned();
            let body = if asked.contains("/containers/json") {
                format!(
                    r#"[{{"Id":"0123456789abcdef","Names":["/web"],"Image":"shop:{KNOWN}","Command":"run {UNKNOWN}",
                        "Labels":{{"key":"{UNKNOWN}"}},"State":"running","Status":"Up 2 hours",
                        "Config":{{"Env":["KEY={UNKNOWN}"]}}}}]"#
                )
            } else if asked.contains("/system/df") {
                r#"{"LayersSize":7,"Images":[{"Id":"a"}]}"#.to_owned()
            } else {
                r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#.to_owned()
            };
            let _gone = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
}

#[tokio::test]
async fn no_secret_of_the_host_reaches_either_file() {
    let mut host = Host::new();
    let socket = host.runner("docker.sock");
    docker(&socket);
    host.set("DOCKER_HOST", &format!("unix://{}", socket.display()));
    host.set("DEPLOY_KEY", NAMED);
    let redactor = Redactor::new();
    redactor.add(&Secret::new(KNOWN).unwrap());

    host.process(
        50,
        1,
        "mysql",
        &[
            "/usr/bin/mysql",
            &format!("-p{UNKNOWN}"),
            UNKNOWN,
            &format!("/{UNKNOWN}"),
        ],
    );
    // A program may write over its own arguments, and be called anything.
    host.process(51, 1, KNOWN, &[&format!("title: {UNKNOWN}")]);
    host.process(
        52,
        1,
        "curl",
        &["curl", "-H", &format!("Authorization: Bearer {UNKNOWN}")],
    );
    let log = format!(
        "[INFO] {KNOWN}\n[INFO] sent {NAMED}\n{{\"Authorization\": \"Bearer {UNKNOWN}\"}}\nPASSWORD={UNKNOWN}\n\
         https://me:{UNKNOWN}@git.example/x\nghs_{UNKNOWN}-0123456789\n{}{KNOWN}\n",
        "x".repeat(490)
    );
    fs::write(host.runner("_diag/Runner_20261121-083500-utc.log"), &log).unwrap();
    fs::write(host.runner("_diag/Worker_20261121-083500-utc.log"), &log).unwrap();
    host.subject.last_lines = vec![
        format!("key is {KNOWN}"),
        format!("\u{1}\n\u{1}\n{NAMED}"),
        format!("login with token={UNKNOWN}"),
        format!("{}…", &KNOWN[..15]),
    ];
    let mut told = entry(3, 0);
    told.event = Event::TransferRequested {
        actor: "mona".to_owned(),
        reason: format!("because of {KNOWN}"),
    };
    host.subject.history = Part::Had(vec![told]);
    host.subject.about.ended = format!("failed with {KNOWN}");
    fs::create_dir(host.own()).unwrap();
    fs::write(
        &host.subject.preflight,
        format!(r#"{{"{KNOWN}":1,"checks":[{{"id":"a","status":"fail","finding":{{"seen":"{KNOWN}"}}}}]}}"#),
    )
    .unwrap();
    fs::write(host.subject.temp.join(NAMED), "").unwrap();

    let bundle = host.gather().await;
    let folder = bundle.write(&host.own(), &redactor).unwrap();
    for name in ["diagnostics.json", "diagnostics.txt"] {
        let content = fs::read_to_string(folder.join(name)).unwrap();
        for (secret, what) in [
            (KNOWN, "known"),
            (&KNOWN[..10], "the beginning of a known one, at a cut"),
            (NAMED, "named"),
            (UNKNOWN, "unknown"),
            ("from-an-environment", "of an environment"),
        ] {
            let line = content.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{what} in {name}");
        }
    }
    // All of it was looked at.
    let (json, text) = crate::read(&folder);
    assert_eq!(json["docker"]["containers"][0]["image"], "shop:***");
    assert_eq!(json["docker"]["daemon"], "20.10.24");
    assert_eq!(json["processes"]["count"], 3);
    assert_eq!(json["last_lines"][0], "key is ***");
    assert_eq!(json["history"][0]["reason"], "because of ***");
    assert_eq!(json["preflight"]["***"], 1);
    assert_eq!(json["logs"]["worker"]["lines"][3], "PASSWORD=***");
    assert!(text.starts_with("failed with ***\n"), "{text}");
}
