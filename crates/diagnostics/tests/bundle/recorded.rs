//! What a bundle holds of a recorded host.

use std::{fs, os::unix::fs::PermissionsExt};

use actions_kit::Redactor;

use crate::{Host, reach};

#[tokio::test]
async fn a_bundle_tells_the_machine_the_processes_the_logs_and_the_ledger() {
    let mut host = Host::new();
    host.machine("proc/uptime", "7200.50 100.0\n");
    host.machine("proc/loadavg", "1.50 2.25 3.00 1/100 4242\n");
    host.machine("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    host.machine("proc/sys/kernel/random/boot_id", "b00t-1d\n");
    host.machine("opt/deploy.sh", "#!/bin/sh\n");
    host.machine("usr/bin/bash", "");
    host.process(1, 0, "systemd", &["/sbin/init"]);
    host.process(40, 1, "Runner.Listener", &["Runner.Listener", "run"]);
    host.process(41, 40, "bash", &["/usr/bin/bash", "-e", "/opt/deploy.sh"]);
    fs::write(host.runner("_diag/Runner_20261121-070000-utc.log"), "old\n").unwrap();
    fs::write(
        host.runner("_diag/Runner_20261121-083500-utc.log"),
        "[INFO] Listening for Jobs\n[ERR ] Lost the connection\n",
    )
    .unwrap();
    fs::write(host.subject.temp.join("large"), vec![1; 300_000]).unwrap();
    fs::create_dir(host.own()).unwrap();
    fs::write(
        &host.subject.preflight,
        r#"{"schema":1,"result":"fail","about":{"deployment":"octo/shop/4711/1","started_at":"2027-01-15T08:00:00Z"},
            "checks":[{"id":"runner.cpu","status":"pass","finding":{"seen":"3 %"}},
                      {"id":"runner.disk","status":"fail","finding":{"seen":"2 GB free"}}]}"#,
    )
    .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    host.subject.reach = vec![
        reach("the store", "127.0.0.1", open),
        reach("GitHub's API", "127.0.0.1", test_servers::free_port()),
    ];

    let (json, text) = host.written(&Redactor::new()).await;

    assert_eq!(json["schema"], 1);
    assert_eq!(json["about"]["runner"], "runner-a");
    assert_eq!(json["host"]["kernel"], "6.1.0-18-amd64");
    assert_eq!(json["host"]["boot_id"], "b00t-1d");
    assert_eq!(json["host"]["uptime_seconds"], 7200.5);
    assert_eq!(json["host"]["load"], serde_json::json!([1.5, 2.25, 3.0]));
    let told = json["processes"]["told"].as_array().unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(
        (
            &told[2]["name"],
            &told[2]["depth"],
            &told[2]["program"],
            &told[2]["script"]
        ),
        (
            &"bash".into(),
            &2.into(),
            &"/usr/bin/bash".into(),
            &"/opt/deploy.sh".into()
        )
    );
    assert_eq!(told[2]["age_seconds"], 7199);
    let listener = &json["logs"]["listener"];
    assert!(
        listener["path"]
            .as_str()
            .unwrap()
            .ends_with("Runner_20261121-083500-utc.log")
    );
    assert_eq!(listener["lines"][1], "[ERR ] Lost the connection");
    assert!(
        json["logs"]["worker"]["missing"]
            .as_str()
            .unwrap()
            .contains("no Worker_*.log"),
        "{}",
        json["logs"]
    );
    assert_eq!(json["history"].as_array().unwrap().len(), 2);
    assert_eq!(json["network"][0]["connected"], format!("127.0.0.1:{open}"));
    let refused = json["network"][1]["connected"]["missing"].as_str().unwrap();
    assert!(refused.contains("refused"), "{refused}");
    // The folder for temporary files lies in the working folder: `_temp` is the large thing in it.
    let largest = &json["filling"][0]["largest"][0];
    assert_eq!(largest["name"], "_temp");
    assert!(largest["bytes"].as_u64().unwrap() >= 300_000, "{largest}");
    assert!(
        json["docker"]["daemon"]["missing"]
            .as_str()
            .unwrap()
            .contains("find the Docker socket")
    );
    assert!(!json["disks"].as_array().unwrap().is_empty());

    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part:?} in:\n{text}"))
    };
    assert!(
        text.starts_with("candidate 1 failed to deploy v42\n"),
        "{text}"
    );
    assert!(at("no space left") < at("The ledger of this deployment"));
    assert!(at("token 2") < at("token 1 "), "newest first:\n{text}");
    assert!(at("fail    runner.disk: 2 GB free") < at("pass    runner.cpu: 3 %"));
    assert!(at("Processes") < at("[ERR ] Lost the connection"));
}

#[tokio::test]
async fn a_bundle_is_its_users_alone_and_a_second_one_takes_another_name() {
    let host = Host::new();
    let bundle = host.gather().await;
    let first = bundle.write(&host.own(), &Redactor::new()).unwrap();
    let second = bundle.write(&host.own(), &Redactor::new()).unwrap();
    assert_eq!(
        first.file_name().unwrap(),
        "diagnostics-octo-shop-4711-1-candidate-1-0f"
    );
    assert_eq!(
        second.file_name().unwrap(),
        "diagnostics-octo-shop-4711-1-candidate-1-0f-2"
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&host.own()), mode(&first)), (0o700, 0o700));
    for name in ["diagnostics.json", "diagnostics.txt"] {
        assert_eq!(mode(&first.join(name)), 0o600);
    }
    let left: Vec<_> = fs::read_dir(host.own()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_bundle_that_cannot_be_written_leaves_nothing() {
    let host = Host::new();
    let bundle = host.gather().await;
    let elsewhere = host.runner("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, host.own()).unwrap();
    let error = bundle.write(&host.own(), &Redactor::new()).unwrap_err();
    assert!(error.to_string().starts_with("make the folder "), "{error}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);

    fs::remove_file(host.own()).unwrap();
    for number in 1..=20 {
        bundle
            .write(&host.own(), &Redactor::new())
            .unwrap_or_else(|error| panic!("{number}: {error}"));
    }
    let error = bundle.write(&host.own(), &Redactor::new()).unwrap_err();
    assert!(error.to_string().starts_with("find a name "), "{error}");
    assert_eq!(fs::read_dir(host.own()).unwrap().count(), 20);
}

#[tokio::test]
async fn a_report_of_another_deployment_and_a_broken_one_are_told_as_missing() {
    let host = Host::new();
    fs::create_dir(host.own()).unwrap();
    for (content, wanted) in [
        (
            r#"{"about":{"deployment":"octo/shop/1/1"}}"#.to_owned(),
            "another deployment's",
        ),
        ("{\"canary".to_owned(), "it is no JSON"),
        ("1".repeat(300 << 10), "it is too large"),
    ] {
        fs::write(&host.subject.preflight, content).unwrap();
        let (json, _) = host.written(&Redactor::new()).await;
        let missing = json["preflight"]["missing"].as_str().unwrap();
        assert!(missing.contains(wanted), "{missing}");
        assert!(!missing.contains("canary"));
    }
}
