//! The pages on `command` and `host`.

use std::os::unix::fs::PermissionsExt;

use crate::{
    page::{Page, without_numbers},
    world::{World, in_world},
};

fn executable(world: &World, name: &str, text: &str) {
    world.write(name, text);
    std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_examples_of_command_pass_where_their_programs_do() {
    in_world(|world| {
        let page = Page::new("gates/command.md");
        executable(
            world,
            "smoke-test.sh",
            "#!/bin/sh\n[ \"$*\" = --quick ] && echo 12 passed\n",
        );
        // What Django prints of a project whose migrations are all applied.
        executable(
            world,
            "backend/manage.py",
            "#!/bin/sh\n[ \"$*\" = 'showmigrations --plan' ] && echo '[X]  shop.0001_initial'\n",
        );
        executable(
            world,
            "deploy/kubectl",
            "#!/bin/sh\n[ \"$*\" = '--namespace shop rollout status deployment/api' ] && [ \"$PWD\" = \"$HERE/deploy\" ]\n",
        );
        let here = world.path("");
        let here = here.to_str().unwrap().trim_end_matches('/');
        let path = format!("{here}/deploy:{}", std::env::var("PATH").unwrap());
        let variables = [("PATH", path.as_str()), ("HERE", here)];
        let examples = page.examples();
        assert_eq!(examples.len(), 2);
        for example in examples {
            world.passes(example, &variables);
        }
        // A migration that is not applied, and a project that does not even start: neither passes.
        for (project, end) in [
            (
                "printf '[X]  shop.0001\\n[ ]  shop.0002\\n'",
                "exit code 0, wanted 1",
            ),
            (
                "echo ImportError >&2; exit 1",
                "exit code 1, printed last: ImportError, wanted",
            ),
        ] {
            executable(
                world,
                "backend/manage.py",
                &format!("#!/bin/sh\n{project}\n"),
            );
            let judged = world.once(page.example("migrations"), &variables);
            let (name, status, seen) = &judged.gates[0];
            assert_eq!((name.as_str(), status.as_str()), ("migrations", "fail"));
            assert!(seen.starts_with(end), "{seen}");
        }
    });
}

#[test]
fn everything_that_the_page_on_command_says_is_seen_is_seen() {
    in_world(|world| {
        executable(
            world,
            "smoke-test.sh",
            "#!/bin/sh\necho waiting for api\nexec sleep 60\n",
        );
        let mut seen: Vec<(String, String)> = [
            "command: echo 12 passed",
            "command: echo login failed; exit 3",
            "command: {run: echo 0, exit-code: 1}",
            "command: {run: echo 2, output: '^0$'}",
            "command: \"bash -c 'echo working; kill -SEGV $$'; echo on\"",
            "command: kill -KILL $$",
            "command: {run: ./smoke-test.sh --quick, working-directory: /work/gone}",
        ]
        .iter()
        .map(|kind| world.sees(kind, &[]))
        .collect();
        let (status, late) = world.sees("command: ./smoke-test.sh --quick\n  try-timeout: 1s", &[]);
        seen.push((status, late.replace("within 1.0 s", "within 10.0 s")));
        Page::new("gates/command.md").shows("What it sees", &seen, str::to_owned);
    });
}

#[test]
fn a_command_sees_the_step_without_its_inputs_and_leaves_variables_to_bash() {
    in_world(|world| {
        let variables = [("API_TOKEN", "canary-4d1"), ("OTHER", "filled in")];
        for kind in [
            "command: '[ \"$API_TOKEN\" = canary-4d1 ] && [ -z \"$(env | grep ^INPUT_)\" ] && ! read -r line'",
            "command: {run: '[ \"$X\" = \"filled in\" ]', env: {X: '${OTHER}'}}",
            // The script is in the arguments, where the variable still has its name.
            "command: \"grep -q '[$]{API_TOKEN}' /proc/$$/cmdline && : ${API_TOKEN}\"",
        ] {
            let (status, seen) = world.sees(kind, &variables);
            assert_eq!(status, "pass", "{kind}: {seen}");
            assert!(!seen.contains("canary"), "{seen}");
        }
    });
}

#[test]
fn the_examples_of_host_are_judged_by_what_this_machine_has_left() {
    in_world(|world| {
        let page = Page::new("gates/host.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 2);
        for example in &examples {
            // What is left here is not the test's: everything below 100 % is enough.
            let mut roomy = example.replace("{}", "{disk: 100%, memory: 100%}");
            for share in ["80%", "90%"] {
                roomy = roomy.replace(share, "100%");
            }
            // Other tests may use all of the CPUs.
            let roomy = roomy.replace("      cpu: 95%\n", "");
            let folder = world.path("docker");
            std::fs::create_dir_all(&folder).unwrap();
            let roomy = roomy.replace("/var/lib/docker", folder.to_str().unwrap());
            world.passes(&roomy, &[]);
            let judged = world.once(example, &[]);
            assert!(matches!(judged.gates[0].1.as_str(), "pass" | "fail"));
        }
    });
}

#[test]
fn what_the_page_on_host_says_of_disk_and_memory_is_seen() {
    in_world(|world| {
        let tmpfs = |name: &str, options: &str| {
            std::fs::create_dir_all(world.path(name)).unwrap();
            let done = std::process::Command::new("mount")
                .args(["-t", "tmpfs", "-o", options, "none"])
                .arg(world.path(name))
                .status()
                .unwrap();
            assert!(done.success(), "mount, as root");
        };
        tmpfs("full", "size=1m");
        std::fs::write(world.path("full/file"), vec![0; 1 << 20]).unwrap();
        tmpfs("files", "nr_inodes=20");
        for number in 0..19 {
            std::fs::write(world.path(&format!("files/{number}")), "").unwrap();
        }
        let at = world.path("");
        let alike = |text: &str| {
            let text = without_numbers(text);
            ["/full", "/files"].iter().fold(text, |text, name| {
                let path = without_numbers(at.join(&name[1..]).to_str().unwrap());
                text.replace(&path, "/")
            })
        };
        let mut seen: Vec<(String, String)> = [
            "host: {disk: 100%, memory: 100%, paths: [full/..]}",
            "host: {paths: full, memory: 100%}",
            "host: {paths: files, memory: 100%}",
            "host: {paths: /data, disk: 100%, memory: 100%}",
        ]
        .iter()
        .map(|kind| world.sees(kind, &[]))
        .collect();
        for (_, seen) in &mut seen {
            *seen = alike(seen);
        }
        // A control group that is full and a folder of another user's are made by the tests of the probe.
        let elsewhere = ["control group", "this user", "disk /work"];
        for row in Page::new("gates/host.md").rows("What it sees") {
            if elsewhere.iter().any(|part| row.text.contains(part)) {
                continue;
            }
            let text = without_numbers(&row.text);
            let found = seen
                .iter()
                .any(|(status, words)| row.is_of(status) && *words == text);
            assert!(found, "{text}: {seen:#?}");
        }
    });
}
