//! "Did you mean": the name nearest to one that does not exist.
//!
//! Not responsible for the wording around it.

/// How many letters make a beginning.
const BEGINNING: usize = 3;

/// The candidate nearest to `name`, where one is near enough to be a slip of the fingers: at most a third of the
/// letters differ, and at most three; or the only one that begins with it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A pasted text is no slip of the fingers, and the distance costs the product of both lengths.
    if name.chars().count() > 64 {
        return None;
    }
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let (distance, nearest) = candidates
        .iter()
        .map(|candidate| (distance(name, candidate), *candidate))
        .min_by_key(|(d, _)| *d)?;
    let allowed = (nearest.chars().count().max(name.chars().count()) / 3).clamp(1, 3);
    if distance <= allowed {
        return Some(nearest);
    }
    let mut longer = candidates
        .iter()
        .filter(|candidate| name.len() >= BEGINNING && candidate.starts_with(name));
    match (longer.next(), longer.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The number of letters to insert, remove, replace, or swap with their neighbour (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = vec![0; other.len() + 1];
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != wanted);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == other[column - 1] && one[row - 1] == *wanted {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_inserted_removed_replaced_and_swapped_letters() {
        for (one, other, wanted) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("role", "role", 0),
            ("rol", "role", 1),
            ("rolle", "role", 1),
            ("rale", "role", 1),
            ("rloe", "role", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), wanted, "{one} {other}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["environment", "role", "run", "attempt-timeout"];
        assert_eq!(nearest("enviroment", names), Some("environment"));
        assert_eq!(nearest("attempt-timout", names), Some("attempt-timeout"));
        assert_eq!(nearest("rnu", names), Some("run"));
        assert_eq!(nearest("json", names), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest(&"e".repeat(100_000), names), None);
    }
}
