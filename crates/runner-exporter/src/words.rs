//! What the exporter says on its error output, which is the service's journal.

use std::io::Write;

/// The longest line, in characters.
const LONGEST: usize = 400;

/// Says one line; what a terminal would obey in it is escaped.
pub(crate) fn say(text: &str) {
    let mut line = String::from("runner-exporter: ");
    for c in text.chars().take(LONGEST) {
        if c.is_control() {
            line.extend(c.escape_unicode());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    let _nobody = std::io::stderr().write_all(line.as_bytes());
}
