//! Splits output into lines and keeps the last of them for the incident.

use std::collections::VecDeque;

/// How many lines are kept, for whoever ships a command's output.
const LINES: usize = 2000;
/// How many bytes of them.
const BYTES: usize = 1 << 20;
/// How many lines are told for the incident (design §6).
const TOLD: usize = 200;
/// How much of a kept line is kept, in bytes.
const KEPT: usize = 4 << 10;
/// How much of a line an observer sees, in bytes: enough for a masked certificate chain or key store.
const SEEN: usize = 64 << 10;

/// The last lines of both streams, in the order they were completed.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<Vec<u8>>,
    /// How many bytes `lines` hold.
    bytes: usize,
    /// The unfinished line of each stream.
    open: [Vec<u8>; 2],
}

impl Tail {
    /// Takes what stream `stream` (0 or 1) wrote; `on_line` sees each line that it completes, without its end.
    pub(crate) fn push(&mut self, stream: usize, mut bytes: &[u8], mut on_line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.open[stream].is_empty() {
                on_line(&line[..line.len().min(SEEN)]);
                self.keep(line);
            } else {
                self.extend(stream, line);
                let mut line = std::mem::take(&mut self.open[stream]);
                on_line(&line);
                self.keep(&line);
                line.clear();
                self.open[stream] = line;
            }
        }
        self.extend(stream, bytes);
    }

    /// Ends the unfinished lines, as if each had got its line end; whether there were any.
    pub(crate) fn finish_lines(&mut self) -> bool {
        let mut any = false;
        for stream in 0..self.open.len() {
            let line = std::mem::take(&mut self.open[stream]);
            if !line.is_empty() {
                any = true;
                self.keep(&line);
            }
        }
        any
    }

    fn extend(&mut self, stream: usize, bytes: &[u8]) {
        let open = &mut self.open[stream];
        let room = SEEN - open.len();
        open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn keep(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(KEPT)];
        // The oldest line's memory becomes the newest's: a million lines cost no million allocations.
        let mut kept = Vec::new();
        while self.lines.len() >= LINES || self.bytes + line.len() > BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
            kept = oldest;
        }
        kept.clear();
        kept.extend_from_slice(line);
        self.bytes += kept.len();
        self.lines.push_back(kept);
    }

    /// The last 200 lines, oldest first, unfinished ones last; bytes that are not UTF-8 as U+FFFD, line ends left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let open = self
            .open
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| &line[..line.len().min(KEPT)]);
        let finished = self.lines.len().saturating_sub(TOLD);
        let all: Vec<&[u8]> = self
            .lines
            .range(finished..)
            .map(Vec::as_slice)
            .chain(open)
            .collect();
        all[all.len().saturating_sub(TOLD)..]
            .iter()
            .map(|line| text(line))
            .collect()
    }

    /// Every finished line that is kept, at most 2,000 lines and 1 MiB, oldest first, and keeps them no longer.
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.bytes = 0;
        self.lines.drain(..).map(|line| text(&line)).collect()
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_line_is_ended_once_and_never_joined_with_the_next_commands() {
        let mut tail = Tail::default();
        push(&mut tail, 0, b"half");
        assert!(tail.finish_lines());
        assert!(!tail.finish_lines());
        push(&mut tail, 0, b"next\n");
        assert_eq!(tail.lines(), ["half", "next"]);
    }

    fn push(tail: &mut Tail, stream: usize, bytes: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        tail.push(stream, bytes, |line| {
            seen.push(String::from_utf8_lossy(line).into_owned())
        });
        seen
    }

    #[test]
    fn two_thousand_lines_are_kept_and_handed_over_once() {
        let mut tail = Tail::default();
        for n in 0..5000 {
            push(&mut tail, 0, format!("line {n}\n").as_bytes());
        }
        push(&mut tail, 1, b"half");
        let lines = tail.take();
        assert_eq!(lines.len(), 2000);
        assert_eq!(
            (lines[0].as_str(), lines[1999].as_str()),
            ("line 3000", "line 4999")
        );
        assert!(tail.finish_lines());
        assert_eq!(tail.take(), ["half"]);
        assert_eq!(tail.take(), Vec::<String>::new());
    }

    #[test]
    fn long_lines_are_kept_up_to_a_mebibyte_in_all() {
        let mut tail = Tail::default();
        for _ in 0..3 {
            for _ in 0..600 {
                push(&mut tail, 0, format!("{}\n", "x".repeat(9000)).as_bytes());
            }
            push(&mut tail, 0, &b"short\n".repeat(100));
            let lines = tail.take();
            let bytes: usize = lines.iter().map(String::len).sum();
            assert!((BYTES - 2 * KEPT..=BYTES).contains(&bytes), "{bytes}");
            assert_eq!(lines[lines.len() - 1], "short");
        }
    }

    #[test]
    fn the_last_200_lines_are_told_in_order() {
        let mut tail = Tail::default();
        for n in 0..1000 {
            push(&mut tail, 0, format!("line {n}\n").as_bytes());
        }
        let lines = tail.lines();
        assert_eq!(lines.len(), 200);
        assert_eq!(
            (lines[0].as_str(), lines[199].as_str()),
            ("line 800", "line 999")
        );
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_one_line_and_streams_do_not_mix() {
        let mut tail = Tail::default();
        assert!(push(&mut tail, 0, b"hel").is_empty());
        assert_eq!(push(&mut tail, 1, b"error\nhalf"), ["error"]);
        assert_eq!(push(&mut tail, 0, b"lo\nnext"), ["hello"]);
        assert_eq!(tail.lines(), ["error", "hello", "next", "half"]);
    }

    #[test]
    fn a_long_line_is_cut_where_it_is_kept_and_seen_at_length_by_the_observer() {
        let mut tail = Tail::default();
        push(&mut tail, 0, &[b'x'; 40_000]);
        assert_eq!(push(&mut tail, 0, &[b'x'; 10_000]), Vec::<String>::new());
        assert_eq!(push(&mut tail, 0, b"\n")[0].len(), 50_000);
        assert_eq!(tail.lines()[0].len(), KEPT);
        push(&mut tail, 0, &[b'y'; 3 * SEEN]);
        assert_eq!(push(&mut tail, 0, b"tail\n")[0].len(), SEEN);
    }

    #[test]
    fn bytes_that_are_not_utf8_and_carriage_returns_make_readable_lines() {
        let mut tail = Tail::default();
        push(&mut tail, 0, b"a\xffb\r\n");
        assert_eq!(tail.lines(), ["a\u{fffd}b"]);
    }
}
