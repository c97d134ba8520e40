//! What the alert rules and the programs lead to is there. The links of pages are held by `documentation.rs`.

use std::fs;

use leg::Section;

use crate::{anchor, path, text};

#[test]
fn every_runbook_of_an_alert_rule_is_a_heading_of_a_page() {
    let mut followed = 0;
    for folder in ["rules", "tests"] {
        for entry in fs::read_dir(path("infrastructure/prometheus").join(folder)).unwrap() {
            let file = entry.unwrap().path();
            let rules = fs::read_to_string(&file).unwrap();
            for line in rules.lines() {
                let Some((_, address)) = line.split_once("runbook_url: ") else {
                    continue;
                };
                let (page, wanted) = address.split_once('#').unwrap();
                let page = text(page);
                let mut headings = page.lines().filter_map(|line| line.split_once("# "));
                assert!(
                    headings.any(|(marks, heading)| {
                        marks.chars().all(|c| c == '#') && anchor(heading) == wanted
                    }),
                    "{}: {address} leads nowhere",
                    file.display()
                );
                followed += 1;
            }
        }
    }
    assert!(followed >= 40, "{followed}");
}

#[test]
fn the_address_of_a_section_is_the_page_of_this_project_at_this_version() {
    let url = Section::HELD_LEASE.url();
    let wanted = format!(
        "{}/blob/v{}/",
        env!("CARGO_PKG_REPOSITORY"),
        env!("CARGO_PKG_VERSION")
    );
    let (page, anchor) = url.strip_prefix(&wanted).unwrap().split_once('#').unwrap();
    assert!(path(page).is_file(), "{url}");
    assert_eq!(anchor, Section::HELD_LEASE.anchor());
}
