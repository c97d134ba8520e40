//! A piece of an answer, for people.

use crate::foreign;

/// The longest piece of an answer that is shown, in characters.
const LONGEST: usize = 100;

/// `text` in one short line, with everything unprintable escaped.
pub(super) fn bounded(text: &str) -> String {
    foreign::bounded(text, LONGEST)
}

/// The same between quotation marks.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", bounded(text))
}
