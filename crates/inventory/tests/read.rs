//! Which reader is asked, what becomes of one that fails or hangs, and what no reader may do. `tests/programs` holds
//! stand-ins for `ansible-inventory`, each for one behaviour that the real one has on bad days only.

#![allow(clippy::unwrap_used)]

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use inventory::{
    Address, Host, Inventory, InventoryError, MOST_HOSTS, Options, ReadBy, Reader, Target, read,
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

fn programs(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/programs")
        .join(name);
    assert!(folder.join("ansible-inventory").is_file());
    folder
}

fn options(reader: Reader, program: &Path, more: &[(&str, &Path)]) -> Options {
    let path = format!("{}:/usr/bin:/bin", program.display());
    let mut environment = vec![(OsString::from("PATH"), OsString::from(path))];
    environment.extend(
        more.iter()
            .map(|(name, value)| (OsString::from(name), value.as_os_str().to_owned())),
    );
    Options {
        reader,
        timeout: PATIENCE,
        environment,
    }
}

fn own() -> Options {
    Options {
        reader: Reader::Own,
        timeout: PATIENCE,
        environment: Vec::new(),
    }
}

/// A folder with `text` as its file `hosts`.
fn hosts(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn at(name: &str, host: &str, port: u16) -> Host {
    Host {
        name: name.to_owned(),
        address: Address::Target(Target {
            host: host.to_owned(),
            port,
        }),
        groups: vec!["web".to_owned()],
    }
}

#[tokio::test]
async fn our_reader_reads_where_ansible_is_not_installed() {
    let (folder, file) = hosts("[web]\nweb1 ansible_host=10.0.0.1\n");
    let mut options = own();
    options.reader = Reader::Either;
    options.environment = vec![("PATH".into(), folder.path().into())];
    let found = read(&file, options.clone()).await.unwrap();
    assert_eq!(
        found,
        Inventory {
            hosts: vec![at("web1", "10.0.0.1", 22)],
            read_by: ReadBy::Own,
            notes: Vec::new()
        }
    );
    options.reader = Reader::AnsibleInventory;
    assert!(matches!(
        read(&file, options).await,
        Err(InventoryError::NotInstalled)
    ));
}

#[tokio::test]
async fn ansible_reads_where_it_is_installed_and_runs_programs_that_we_do_not() {
    let real = test_servers::program("ansible-inventory", &[], "ansible");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("ansible.cfg"), "").unwrap();
    let config = home.path().join("ansible.cfg");
    let options = options(
        Reader::Either,
        real.parent().unwrap(),
        &[
            ("HOME", home.path()),
            ("ANSIBLE_CONFIG", &config),
            ("LC_ALL", Path::new("C.UTF-8")),
        ],
    );
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/program/hosts.py");
    let found = read(&program, options).await.unwrap();
    assert_eq!(
        found,
        Inventory {
            hosts: vec![at("dyn1", "dyn1", 22)],
            read_by: ReadBy::AnsibleInventory,
            notes: Vec::new()
        }
    );
}

#[tokio::test]
async fn our_reader_follows_a_failing_ansible_and_its_words_are_kept() {
    let (_folder, file) = hosts("[web]\nweb1\n");
    let found = read(&file, options(Reader::Either, &programs("fails"), &[]))
        .await
        .unwrap();
    assert_eq!(
        (found.read_by, found.hosts),
        (ReadBy::Own, vec![at("web1", "web1", 22)])
    );
    assert!(
        found.notes[0].contains("no vault secrets found"),
        "{:?}",
        found.notes
    );

    let error = read(
        &file,
        options(Reader::AnsibleInventory, &programs("fails"), &[]),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&error, InventoryError::Ansible { words } if words.contains("no vault secrets")),
        "{error}"
    );
}

#[tokio::test]
async fn a_source_that_ansible_could_not_parse_is_never_an_empty_inventory() {
    let (_folder, file) = hosts("[web]\nweb1\n");
    let found = read(
        &file,
        options(Reader::Either, &programs("warns-unparsed"), &[]),
    )
    .await
    .unwrap();
    assert_eq!((found.read_by, found.hosts.len()), (ReadBy::Own, 1));
    assert!(
        found.notes[0].contains("Unable to parse"),
        "{:?}",
        found.notes
    );

    let (_folder, wrong) = hosts("[web\n[x y]\n");
    let error = read(
        &wrong,
        options(Reader::Either, &programs("warns-unparsed"), &[]),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, InventoryError::Wrong(_)), "{error}");
    let error = read(
        &file,
        options(Reader::AnsibleInventory, &programs("warns-unparsed"), &[]),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, InventoryError::Ansible { .. }), "{error}");
}

#[tokio::test]
async fn a_harmless_warning_does_not_lose_hosts_that_only_ansible_knows() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("aws_ec2.yml");
    std::fs::write(&plugin, "plugin: amazon.aws.aws_ec2\n").unwrap();
    let found = read(
        &plugin,
        options(Reader::Either, &programs("warns-harmless"), &[]),
    )
    .await
    .unwrap();
    assert_eq!(
        (found.read_by, &found.hosts),
        (ReadBy::AnsibleInventory, &vec![at("dyn1", "10.0.0.1", 22)])
    );
    assert_eq!(
        found.notes,
        ["ansible-inventory warned: [DEPRECATION WARNING]: something will change"]
    );
    assert!(!format!("{found:?}").contains("hunter2"));

    let (_folder, file) = hosts("[web]\nweb1\n");
    let found = read(
        &file,
        options(Reader::Either, &programs("warns-harmless"), &[]),
    )
    .await
    .unwrap();
    assert_eq!(
        (found.read_by, found.hosts),
        (ReadBy::Own, vec![at("web1", "web1", 22)])
    );
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_a_failure_that_quotes_nothing() {
    let (_folder, file) = hosts("[web]\nweb1\n");
    let found = read(&file, options(Reader::Either, &programs("babbles"), &[]))
        .await
        .unwrap();
    assert_eq!(found.read_by, ReadBy::Own);
    assert!(
        found.notes[0].contains("not the JSON of an inventory"),
        "{:?}",
        found.notes
    );
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[tokio::test]
async fn at_the_deadline_ansible_and_all_that_it_started_are_killed() {
    let (folder, file) = hosts("[web]\nweb1\n");
    let report = folder.path().join("report");
    let mut options = options(Reader::Either, &programs("hangs"), &[("REPORT", &report)]);
    // Long enough for a shell to start on a busy machine: three quarters are Ansible's.
    options.timeout = Duration::from_secs(8);
    let begun = Instant::now();
    let found = read(&file, options).await.unwrap();
    assert_eq!((found.read_by, found.hosts.len()), (ReadBy::Own, 1));
    assert!(found.notes[0].contains("within 6s"), "{:?}", found.notes);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );

    let numbers = std::fs::read_to_string(&report).unwrap();
    let processes: Vec<u32> = numbers
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!(processes.len(), 3);
    for process in processes {
        test_servers::until(
            Duration::from_secs(5),
            "the end of a killed process",
            || {
                let stat =
                    std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
                // A zombie is dead; whoever adopted it has not asked yet.
                let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
                matches!(state, None | Some(Some('Z'))).then_some(())
            },
        );
    }
}

#[tokio::test]
async fn a_caller_that_no_longer_waits_leaves_nothing_running() {
    let (folder, file) = hosts("[web]\nweb1\n");
    let report = folder.path().join("report");
    let reading = tokio::spawn(read_owned(
        file,
        options(Reader::Either, &programs("hangs"), &[("REPORT", &report)]),
    ));
    while !report.exists() {
        assert!(!reading.is_finished(), "the reader ended early");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    let numbers = std::fs::read_to_string(&report).unwrap();
    for process in numbers.split_whitespace() {
        test_servers::until(
            Duration::from_secs(5),
            "the end of a killed process",
            || {
                let stat =
                    std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
                let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
                matches!(state, None | Some(Some('Z'))).then_some(())
            },
        );
    }
}

async fn read_owned(path: PathBuf, options: Options) -> Result<Inventory, InventoryError> {
    read(&path, options).await
}

#[tokio::test]
async fn ansible_sees_the_given_environment_no_input_and_the_path_as_one_argument() {
    let (folder, _) = hosts("");
    let source = folder.path().join("-hosts");
    std::fs::write(&source, "h1\n").unwrap();
    let report = folder.path().join("report");
    let home = Path::new("/home/somebody");
    let options = options(
        Reader::AnsibleInventory,
        &programs("reports"),
        &[("REPORT", &report), ("HOME", home)],
    );
    read(&source, options).await.unwrap();
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("HOME=/home/somebody\n"), "{report}");
    assert!(!report.contains("CARGO_"), "{report}");
    assert!(
        report.contains(&format!(
            "argument: --inventory={}\nargument: --list\n",
            source.display()
        )),
        "{report}"
    );
    assert!(report.ends_with("standard input: end\n"), "{report}");
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere");
    let error = read(&missing, own()).await.unwrap_err();
    assert!(matches!(error, InventoryError::Missing { .. }), "{error}");
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = read(&pipe, own()).await.unwrap_err();
    assert!(matches!(error, InventoryError::Read { .. }), "{error}");
    let huge = folder.path().join("huge");
    std::fs::File::create(&huge)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let error = read(&huge, own()).await.unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
}

#[tokio::test]
async fn a_typo_in_a_range_ends_at_once_and_one_hundred_thousand_hosts_are_read() {
    let single: String = (0..=MOST_HOSTS)
        .map(|number| format!("h{number}\n"))
        .collect();
    for text in [
        "[web]\nweb[1:999999999]\n",
        "[web]\na[1:60000]\nb[1:60000]\n",
        "[a]\nn[1:100000]\n[b]\nx[0:9][0:9]\n",
        &single,
    ] {
        let (_folder, file) = hosts(text);
        let error = read(&file, own()).await.unwrap_err().to_string();
        assert!(error.contains("more hosts than 100000"), "{:.300}", error);
    }
    // The same host twice is one.
    let (_folder, file) = hosts("[web]\nweb[1:100000]\nweb[9:10]\n[web:vars]\nansible_port=2222\n");
    let found = read(&file, own()).await.unwrap();
    assert_eq!(found.hosts.len(), MOST_HOSTS);
    assert_eq!(found.hosts[99_999], at("web100000", "web100000", 2222));
}

#[tokio::test]
async fn aliases_of_aliases_neither_fill_the_memory_nor_overflow_the_stack() {
    let mut bomb = String::from("g0: &g0\n  hosts:\n    h1:\n");
    for level in 1..40 {
        let below = level - 1;
        bomb.push_str(&format!(
            "g{level}: &g{level}\n  children:\n    a: *g{below}\n    b: *g{below}\n"
        ));
    }
    let mut tower = String::from("x0: &x0 {a: 1}\n");
    for level in 1..20_000 {
        tower.push_str(&format!("x{level}: &x{level} {{a: *x{}}}\n", level - 1));
    }
    let mut merges = String::from("x0: &x0 {k0: 0, l0: 0}\n");
    for level in 1..3_000 {
        merges.push_str(&format!(
            "x{level}: &x{level} {{<<: [*x{0}, *x{0}], k{level}: 0}}\n",
            level - 1
        ));
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text, words) in [
        ("bomb.yml", bomb, "mentions of hosts and groups"),
        ("tower.yml", tower, "more than 100 levels"),
        ("merges.yml", merges, "entries copied by `<<`"),
        ("deep.yml", "[".repeat(100_000), "no YAML"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let error = read(&file, own()).await.unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[tokio::test]
async fn no_variable_that_is_no_address_is_kept_and_no_value_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    std::fs::create_dir(folder.path().join("group_vars")).unwrap();
    std::fs::write(
        folder.path().join("group_vars/web.yml"),
        "ansible_become_password: canary-1\n",
    )
    .unwrap();
    std::fs::write(
        &file,
        "[web]\nweb1 ansible_password=canary-2 ansible_ssh_common_args='-o ProxyCommand=\"sshpass -p canary-3 ssh x\"'\n\
         web2 ansible_host='canary-4 canary-5' ansible_connection=canary-6\n[web:vars]\ntoken=canary-7\n",
    )
    .unwrap();
    let found = read(&file, own()).await.unwrap();
    assert_eq!(found.hosts.len(), 2);
    for host in &found.hosts {
        assert!(
            matches!(host.address, Address::Undecided { .. }),
            "{host:?}"
        );
    }
    assert!(!format!("{found:?}").contains("canary"), "{found:?}");

    std::fs::write(
        folder.path().join("group_vars/web.yml"),
        "a: canary-8\n b: canary-9\n- canary\n",
    )
    .unwrap();
    let error = read(&file, own()).await.unwrap_err();
    assert!(
        error.to_string().contains("group_vars/web.yml:2"),
        "{error}"
    );
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
}

#[tokio::test]
async fn why_a_host_is_undecided_names_the_encrypted_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts.yml");
    let vaulted = "all:\n  hosts:\n    db1:\n      ansible_host: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        3130\n";
    std::fs::write(&file, vaulted).unwrap();
    let found = read(&file, own()).await.unwrap();
    let Address::Undecided { why } = &found.hosts[0].address else {
        panic!("decided: {found:?}");
    };
    let place = format!("ansible-vault encrypted ({}:4)", file.display());
    assert!(why.contains(&place), "{why}");
}
