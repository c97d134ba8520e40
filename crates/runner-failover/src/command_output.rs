//! The file that the deploy command's output is left in, for a later step of the job that ships it (design §7, audit).

use std::{
    io,
    path::{Path, PathBuf},
};

use leg::OutputLine;

/// How large the file may be, in bytes.
const MOST: usize = 1 << 20;

/// Where it lies.
pub(crate) fn path(temp: &Path) -> PathBuf {
    leg::own_folder(temp).join("command-output.jsonl")
}

/// Leaves the newest of `lines`, which are redacted, one JSON object a line: `{"attempt":1,"line":"…"}`. Whole or not at
/// all, for this user alone.
pub(crate) fn leave(path: &Path, lines: &[OutputLine]) -> io::Result<()> {
    actions_kit::write_whole(path, &json_lines(lines))
}

fn json_lines(lines: &[OutputLine]) -> String {
    let all: Vec<String> = lines
        .iter()
        .map(|one| {
            format!(
                "{}\n",
                serde_json::json!({"attempt": one.attempt, "line": one.line})
            )
        })
        .collect();
    let mut size = 0;
    // From the newest on, as long as they fit.
    let newest = all.iter().rev().take_while(|line| {
        size += line.len();
        size <= MOST
    });
    let left_out = all.len() - newest.count();
    all[left_out..].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(attempt: u32, line: String) -> OutputLine {
        OutputLine { attempt, line }
    }

    #[test]
    fn a_line_is_one_json_object_whatever_it_holds() {
        let lines = [
            line(1, "a \"b\"\u{1b}\\".to_owned()),
            line(2, "é\u{2028}".to_owned()),
        ];
        let text = json_lines(&lines);
        let read: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0]["line"], lines[0].line);
        assert_eq!(
            (&read[1]["attempt"], &read[1]["line"]),
            (&2.into(), &lines[1].line.clone().into())
        );
    }

    #[test]
    fn the_oldest_are_left_out_where_quotes_make_them_too_large() {
        let mut lines = vec![line(1, "\u{1}".repeat(500)); 1000];
        lines.push(line(2, "last".to_owned()));
        let text = json_lines(&lines);
        assert!((MOST - 4000..=MOST).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with("{\"attempt\":2,\"line\":\"last\"}\n"));
    }
}
