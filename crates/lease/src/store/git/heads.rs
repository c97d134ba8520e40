//! Where the refs of a repository on this disk are, seen without a process.
//!
//! Not responsible for: what their commits hold ([`super::fetch`]).

use std::path::Path;

use super::push::Refs;
use crate::store::Version;

/// How often the files of two refs that move at this moment are looked at again, before git is asked.
const MOVING: usize = 3;

/// Where both refs are by the files of the repository at `path`. Nothing where refs are packed, or kept in a table: then
/// git is asked.
pub(super) fn on_disk(path: &Path, refs: &Refs) -> Option<Version> {
    let at = |name: &str| match std::fs::read_to_string(path.join(name)) {
        Ok(file) => {
            let oid = file.trim_end();
            let is_oid = oid.len() == 40 && oid.bytes().all(|b| b.is_ascii_hexdigit());
            is_oid.then(|| Some(oid.to_owned()))
        }
        Err(error) => {
            let absent = |name: &str| matches!(path.join(name).try_exists(), Ok(false));
            let nowhere = error.kind() == std::io::ErrorKind::NotFound
                && absent("packed-refs")
                && absent("reftable")
                && path.join("refs").is_dir();
            nowhere.then_some(None)
        }
    };
    one_moment(|| at(&refs.lease), || at(&refs.ledger))
}

/// Lease and ledger as they stood at one moment, where each is looked at by itself: the lease once more after the ledger.
/// No ref ever comes back to an earlier commit, so where it has not moved, both stood so. Nothing where they keep moving, or
/// where a look tells nothing.
fn one_moment(
    mut lease: impl FnMut() -> Option<Option<String>>,
    mut ledger: impl FnMut() -> Option<Option<String>>,
) -> Option<Version> {
    let mut before = lease()?;
    for _ in 0..MOVING {
        let ledger = ledger()?;
        let after = lease()?;
        if after == before {
            return Some(Version {
                lease: before,
                ledger,
            });
        }
        before = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the looks at two refs show, in their order.
    fn looked(leases: &str, ledgers: &str) -> Option<(String, String)> {
        let (mut leases, mut ledgers) = (leases.chars(), ledgers.chars());
        let version = one_moment(
            || leases.next().map(|c| Some(c.to_string())),
            || ledgers.next().map(|c| Some(c.to_string())),
        )?;
        Some((version.lease?, version.ledger?))
    }

    #[test]
    fn a_pair_whose_parts_never_stood_so_at_one_moment_is_not_made() {
        let pair = |lease: &str, ledger: &str| Some((lease.to_owned(), ledger.to_owned()));
        assert_eq!(looked("11", "a"), pair("1", "a"));
        // Two swaps between the looks: lease 1 and ledger c were never there together.
        assert_eq!(looked("133", "cc"), pair("3", "c"));
        assert_eq!(looked("1233", "bcd"), pair("3", "d"));
        assert_eq!(looked("123456", "abcdef"), None, "git is to be asked");
        assert_eq!(looked("1", "a"), None);
    }
}
