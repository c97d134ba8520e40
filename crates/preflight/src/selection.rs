//! Which checks are asked, required or ignored: ids, groups and `all`, with `!` for what is left out.

use std::collections::BTreeSet;

use actions_kit::{WrongInputs, suggest};

use crate::catalogue::{CHECKS, GROUPS};

/// A set of checks, by id.
pub type Selection = BTreeSet<&'static str>;

/// Reads the list `words` of the input `input`. A list of exceptions alone means all but those. What is no check goes to
/// `wrong`, with the nearest name.
pub fn read(input: &str, words: &[String], wrong: &mut WrongInputs) -> Selection {
    let mut chosen = Selection::new();
    if words.iter().all(|word| word.starts_with('!')) && !words.is_empty() {
        chosen.extend(CHECKS.iter().map(|check| check.id));
    }
    let mut out = Selection::new();
    for word in words {
        let (name, except) = match word.strip_prefix('!') {
            Some(rest) => (rest.trim(), true),
            None => (word.as_str(), false),
        };
        let meant: Vec<&'static str> = CHECKS
            .iter()
            .filter(|check| name == "all" || name == check.id || name == check.group.name)
            .map(|check| check.id)
            .collect();
        if meant.is_empty() {
            unknown(input, name, wrong);
        }
        if except {
            out.extend(meant);
        } else {
            chosen.extend(meant);
        }
    }
    chosen.retain(|id| !out.contains(id));
    chosen
}

fn unknown(input: &str, name: &str, wrong: &mut WrongInputs) {
    let names = CHECKS
        .iter()
        .map(|check| check.id)
        .chain(GROUPS.iter().map(|group| group.name));
    let mend = match suggest::nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "docs/preflight.md lists every check".to_owned(),
    };
    wrong.push(
        input,
        &format!("`{name}`"),
        "the id of a check (`runner.cpu`), a group (`runner`) or `all`",
        &mend,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &[&str]) -> (Vec<&'static str>, WrongInputs) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut wrong = WrongInputs::default();
        let chosen = read("checks", &words, &mut wrong);
        (chosen.into_iter().collect(), wrong)
    }

    #[test]
    fn ids_groups_and_exceptions_combine_in_any_order() {
        assert_eq!(chosen(&["docker"]).0, ["docker.compose", "docker.daemon"]);
        assert_eq!(chosen(&["!docker.compose", "docker"]).0, ["docker.daemon"]);
        assert_eq!(
            chosen(&["runner.cpu", "ref.allowed"]).0,
            ["ref.allowed", "runner.cpu"]
        );
        assert_eq!(
            chosen(&["guardrails"]).0,
            ["branch.protected", "environment.approval", "ref.allowed"]
        );
        assert_eq!(chosen(&["all"]).0.len(), CHECKS.len());
        assert_eq!(chosen(&["!docker"]).0.len(), CHECKS.len() - 2);
        assert!(chosen(&[]).0.is_empty());
    }

    #[test]
    fn a_name_that_is_no_check_is_told_with_the_nearest_one() {
        let (_, wrong) = chosen(&["runner.cpus", "dokcer", "!netwrok", "spoon"]);
        let mends: Vec<&str> = wrong.findings().iter().map(|f| f.mend.as_str()).collect();
        assert_eq!(
            mends,
            [
                "did you mean `runner.cpu`?",
                "did you mean `docker`?",
                "did you mean `network`?",
                "docs/preflight.md lists every check"
            ]
        );
    }
}
