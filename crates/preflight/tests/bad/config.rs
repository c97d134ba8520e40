//! A `config` that is broken: one clear error, before anything is asked.

use crate::program::Preflight;

fn refused(config: &str) -> String {
    let ran = Preflight::of("all").with("INPUT_CONFIG", config).run();
    assert_eq!(ran.code, Some(64), "{}", ran.everything());
    assert_eq!(ran.report_text, "", "nothing was asked");
    assert!(ran.log.contains("::error"), "{}", ran.everything());
    ran.everything()
}

#[test]
fn broken_yaml_ends_with_64_and_names_the_line() {
    let text = refused("cpu_percent_max: 80\nsecrets_required: [DB_PASSWORD\n");
    assert!(text.contains("config") && text.contains("line "), "{text}");
}

#[test]
fn a_file_of_settings_with_an_unknown_key_says_which_was_meant() {
    let preflight = Preflight::of("all")
        .file("preflight.yml", "cpu_percent_max: 80\ndisk_gb_mni: 10\n")
        .with("INPUT_CONFIG", "preflight.yml");
    let ran = preflight.run();
    assert_eq!(ran.code, Some(64), "{}", ran.everything());
    let text = ran.everything();
    assert!(text.contains("did you mean `disk_gb_min`?"), "{text}");
    assert!(
        text.contains("preflight.yml") && text.contains("line 2"),
        "{text}"
    );
}

#[test]
fn a_value_that_is_none_is_told_with_its_place_in_the_file() {
    let text = refused("network_timeout_seconds: soon\n");
    assert!(
        text.contains("network_timeout_seconds (`config` line 1)"),
        "{text}"
    );
}
