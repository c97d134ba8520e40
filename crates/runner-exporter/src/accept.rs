//! Which format a client asks for (RFC 9110 §12.5.1).

use crate::metrics::Format;

/// The better of the two for this `Accept`. OpenMetrics is given only to who names it: a browser's `*/*` gets the text
/// that every tool reads.
pub(crate) fn format(accept: &str) -> Format {
    let (mut open, mut plain) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut words = range.split(';').map(str::trim);
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut version) = (1.0_f32, None);
        for word in words {
            match word
                .split_once('=')
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
            {
                Some((name, value)) if name == "q" => quality = value.parse().unwrap_or(0.0),
                Some((name, value)) if name == "version" => version = Some(value.trim_matches('"')),
                _ => {}
            }
        }
        match (kind.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => open = quality.max(open),
            ("text/plain" | "text/*" | "*/*", None | Some("0.0.4")) => plain = quality.max(plain),
            _ => {}
        }
    }
    if open > 0.0 && open >= plain {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_given_to_who_prefers_it() {
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.2",
            "application/openmetrics-text",
            "Application/OpenMetrics-Text;VERSION=\"1.0.0\"",
        ] {
            assert_eq!(format(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn everybody_else_gets_the_text_that_every_tool_reads() {
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/vnd.google.protobuf",
            ";;;,=,q",
        ] {
            assert_eq!(format(accept), Format::Prometheus, "{accept}");
        }
    }
}
