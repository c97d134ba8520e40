//! The report for tools that show test results: JUnit's XML, in the form that its many readers agree on
//! (<https://github.com/testmoapp/junitxml>).

use std::{fmt::Write, time::Duration};

use actions_kit::Status;
use gates::judgement::{End, Judged};

use super::{Report, words};

/// What a reader of JUnit takes a gate for. It knows no warnings: a gate that is not required is skipped with its message,
/// so that nothing counts it as a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    None,
    Failure,
    Error,
    Skipped,
}

impl Element {
    fn of(gate: &Judged) -> Element {
        match (gate.status, &gate.end) {
            (Status::Pass, _) => Element::None,
            (Status::Warn, _) | (_, End::Blocked { .. } | End::Stopped) => Element::Skipped,
            (Status::Unknown, _) => Element::Error,
            (Status::Fail, _) => Element::Failure,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Element::None => "",
            Element::Failure => "failure",
            Element::Error => "error",
            Element::Skipped => "skipped",
        }
    }
}

impl Report {
    /// The JUnit report: one suite, one case a gate, in the order of the file.
    pub fn junit(&self) -> String {
        let gates = &self.judgement.gates;
        let count = |element| {
            let like = gates.iter().filter(|gate| Element::of(gate) == element);
            like.count()
        };
        let counts = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
            gates.len(),
            count(Element::Failure),
            count(Element::Error),
            count(Element::Skipped),
            seconds(self.judgement.took)
        );
        let suite = if self.about.environment.is_empty() {
            "health-gates".to_owned()
        } else {
            format!("health-gates {}", self.about.environment)
        };
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"health-gates\" {counts}>\n  \
             <testsuite name=\"{}\" {counts}",
            attribute(&suite)
        );
        for (name, value) in [
            ("timestamp", &self.about.started_at),
            ("hostname", &self.about.runner),
        ] {
            if !value.is_empty() {
                let _ = write!(xml, " {name}=\"{}\"", attribute(value));
            }
        }
        xml.push_str(">\n");
        for gate in gates {
            case(gate, &mut xml);
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }
}

fn case(gate: &Judged, xml: &mut String) {
    let time = seconds(words::spent(gate).unwrap_or_default());
    let _ = writeln!(
        xml,
        "    <testcase name=\"{}\" classname=\"health-gates.{}\" time=\"{time}\">",
        attribute(&gate.name),
        attribute(gate.kind)
    );
    let element = Element::of(gate);
    if element != Element::None {
        let message = words::seen_and_outcome(gate);
        let _ = writeln!(
            xml,
            "      <{name} message=\"{}\" type=\"{}\"/>",
            attribute(&message),
            words::end(&gate.end),
            name = element.name()
        );
    }
    let mut out = format!("{}, {}", gate.target, words::tries(gate.tries));
    for turn in &gate.history {
        let (at, answer) = (words::time(turn.at), words::answer(turn.answer));
        let _ = write!(out, "\n{at}: {answer}, {} times: {}", turn.times, turn.seen);
    }
    let _ = writeln!(
        xml,
        "      <system-out>{}</system-out>\n    </testcase>",
        content(&out)
    );
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Text between two tags.
fn content(text: &str) -> String {
    escape(text, false)
}

/// Text between quotes. A reader would turn line breaks into spaces: they stand as references.
fn attribute(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, quoted: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' if quoted => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
            '\n' | '\t' => escaped.push(letter),
            // XML 1.0 has no place for them, not even as references (<https://www.w3.org/TR/xml/#charsets>).
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_has_no_place_for_is_replaced_and_what_is_syntax_is_escaped() {
        assert_eq!(
            content("\u{0}\u{1b}[31m\u{7f}\u{85}\u{fffe}\u{ffff}\r"),
            "\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(
            content("a\n\t<b>&\"c\""),
            "a\n\t&lt;b&gt;&amp;&quot;c&quot;"
        );
        assert_eq!(attribute("a\n\tb"), "a&#10;&#9;b");
    }
}
