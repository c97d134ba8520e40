//! Whatever a file holds, reading it ends with an inventory or an error, never with a panic.

#![allow(clippy::unwrap_used)]

use std::{path::Path, time::Duration};

use inventory::{InventoryError, Options, Reader, parse_targets, read};
use proptest::prelude::*;

fn read_as(name: &str, bytes: &[u8]) -> Result<usize, InventoryError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    read_path(&file)
}

fn read_path(path: &Path) -> Result<usize, InventoryError> {
    let options = Options {
        reader: Reader::Own,
        timeout: Duration::from_secs(60),
        environment: Vec::new(),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(read(path, options))
        .map(|inventory| inventory.hosts.len())
}

/// A panic in the reader's thread would come out as this error.
fn no_panic(result: Result<usize, InventoryError>) -> Result<(), TestCaseError> {
    prop_assert!(!matches!(result, Err(InventoryError::BrokeOff)));
    Ok(())
}

/// Text made of what inventories are made of, so that it gets far into the readers.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "[",
        "]",
        ":",
        "[web]",
        "[web:children]",
        "[web:vars]",
        "web",
        "db",
        "\n",
        "\n",
        "\n",
        " ",
        "  ",
        "    ",
        "=",
        "ansible_host=",
        "ansible_port=",
        "ansible_host: ",
        "ansible_port: ",
        "22",
        "-1",
        "'",
        "\"",
        "\\",
        "#",
        "[1:3]",
        "[a:f]",
        "[01:10:2]",
        "[9:1]",
        "::1",
        "fe80::1%x",
        "all:",
        "hosts:",
        "children:",
        "vars:",
        "web1:",
        "- ",
        "{",
        "}",
        "{{ x }}",
        "&a ",
        "*a",
        "<<: ",
        "!vault ",
        "|",
        ">",
        "---",
        "~",
        "null",
        "1e5",
        "0x16",
        "1:30",
        "ä",
        "\u{2028}",
        "\t",
        "\r\n",
        "\u{feff}",
        "$ANSIBLE_VAULT;1.1",
        "plugin: x",
        "?",
        ",",
        "%",
        "@",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for name in ["hosts", "hosts.ini", "hosts.yml"] {
            no_panic(read_as(name, &bytes))?;
        }
    }

    #[test]
    fn arbitrary_fragments_of_inventories_are_read_or_refused(text in fragments()) {
        for name in ["hosts", "hosts.ini", "hosts.yml"] {
            no_panic(read_as(name, text.as_bytes()))?;
        }
    }

    #[test]
    fn arbitrary_lists_are_read_or_refused(text in fragments()) {
        let _targets = parse_targets(&text);
        // A list is what is no path and holds a comma.
        let list = format!("no such folder/,{}", text.replace(['/', '\0'], ""));
        no_panic(read_path(Path::new(&list)))?;
    }
}
