//! Whether the entries that a server gave are a chain: the servers number them, and nothing is ever deleted.

use ledger::Entry;

/// Whether `entries`, oldest first, follow one another without a gap, from the place `from` on where one was asked for.
///
/// # Errors
/// One phrase that names what is missing, and the mend.
pub(super) fn check(entries: &[Entry], from: Option<u64>) -> Result<(), String> {
    let mut gaps = Vec::new();
    let mut wanted = from.map(|from| from.max(1));
    for entry in entries {
        match wanted {
            Some(wanted) if entry.seq > wanted => gaps.push((wanted, entry)),
            _ => {}
        }
        wanted = Some(entry.seq + 1);
    }
    let Some((_, after)) = gaps.last() else {
        return Ok(());
    };
    let named: Vec<String> = gaps
        .iter()
        .map(|(first, after)| match after.seq - first {
            1 => format!("#{first}"),
            _ => format!("#{first} to #{}", after.seq - 1),
        })
        .collect();
    Err(format!(
        "the chain has a gap: missing {} {}, although nothing is ever deleted here; put back what is missing from a backup of \
         the server. What was written since #{} ({}) is whole and can be asked for alone",
        if after.seq - gaps[0].0 == 1 {
            "is"
        } else {
            "are"
        },
        named.join(", "),
        after.seq,
        after.at,
    ))
}

#[cfg(test)]
mod tests {
    use ledger::{Deployment, Draft, Event, Timestamp, Tip};

    use super::*;

    fn without(missing: &[u64]) -> Vec<Entry> {
        let draft = Draft {
            deployment: Deployment::default(),
            by: None,
            token: 1,
            event: Event::DeploymentStarted,
        };
        let (mut entries, _) = Tip::default().extend("n", Timestamp(0), vec![draft; 9]);
        entries.retain(|entry| !missing.contains(&entry.seq));
        entries
    }

    #[test]
    fn a_whole_chain_may_begin_anywhere_where_no_place_was_asked_for() {
        for from in [None, Some(0), Some(1)] {
            assert_eq!(check(&without(&[]), from), Ok(()));
        }
        assert_eq!(check(&[], Some(7)), Ok(()));
        assert_eq!(check(&without(&[1, 2]), None), Ok(()));
        assert_eq!(check(&without(&[1, 2]), Some(3)), Ok(()));
    }

    #[test]
    fn every_gap_is_named_by_its_places() {
        let told = |missing: &[u64], from| check(&without(missing), from).unwrap_err();
        let one = told(&[5], None);
        assert!(one.contains("missing is #5, although"), "{one}");
        assert!(one.contains("since #6 (1970-01-01T00:00:00Z)"), "{one}");
        let many = told(&[2, 3, 4, 8], Some(1));
        assert!(
            many.contains("missing are #2 to #4, #8, although"),
            "{many}"
        );
        assert!(many.contains("since #9 "), "{many}");
        let first = told(&[1, 2], Some(0));
        assert!(first.contains("missing are #1 to #2,"), "{first}");
    }
}
