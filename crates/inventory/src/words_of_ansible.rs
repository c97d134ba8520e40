//! What `ansible-inventory` says on its standard error, without what may be a secret.

/// How much of it is kept.
const LONGEST: usize = 600;

/// The words in one line. Ansible quotes lines of the inventory in some messages, and such a line may hold a password, so
/// whatever may be a quotation is left out.
pub(crate) fn harmless(stderr: &str) -> String {
    let mut kept = Vec::new();
    let mut in_quotation = false;
    for line in stderr.lines().map(str::trim) {
        // Each message starts anew; only a beginning is known for sure to be Ansible's own words.
        if line.starts_with('[') || line.starts_with("ERROR!") || line.starts_with('*') {
            in_quotation = false;
        }
        if line.starts_with("The offending line") || line.starts_with("Traceback") {
            in_quotation = true;
        }
        if in_quotation || line.is_empty() {
            continue;
        }
        let (words, cut) = before_quotation(line);
        kept.push(words);
        in_quotation |= cut;
    }
    let mut whole = kept.join(" ");
    if let Some((at, _)) = whole.char_indices().nth(LONGEST) {
        whole.truncate(at);
        whole.push('…');
    }
    whole
}

/// The line up to where it may begin to quote, and whether it does.
fn before_quotation(line: &str) -> (String, bool) {
    // Behind these stand a line of the inventory, or a program's own words.
    let marks = [
        "got:",
        "definition '",
        "execution error:",
        "results from",
        "supplied",
        "pattern '",
    ];
    let end = marks
        .iter()
        .filter_map(|mark| {
            line.find(mark)
                .map(|at| at + mark.trim_end_matches('\'').len())
        })
        .chain(line.find('='))
        .min();
    match end {
        Some(end) => (format!("{} …", line[..end].trim_end()), true),
        None => (line.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_line_of_the_inventory_is_left_out() {
        let stderr = "[WARNING]:  * Failed to parse /x/hosts with ini plugin: /x/hosts:2: Expected\n\
            key=value host variable assignment, got: hunter2\n\
            [WARNING]: Error parsing host definition 'web1 ansible_password=hunter2\n hunter2': No closing quotation\n\
            [WARNING]: Unable to parse /x/hosts as an inventory source\n\
            ERROR! bad\n\nThe offending line appears to be:\n\n  password: hunter2\n  ^ here\n";
        let words = harmless(stderr);
        assert!(!words.contains("hunter2"), "{words}");
        assert!(
            words.contains("Failed to parse /x/hosts with ini plugin"),
            "{words}"
        );
        assert!(
            words.contains("Unable to parse /x/hosts as an inventory source"),
            "{words}"
        );
        assert!(words.ends_with("ERROR! bad"), "{words}");
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(harmless(&"ä".repeat(5000)).chars().count(), LONGEST + 1);
    }
}
