//! The end of an output, without its secrets.

use nix::{errno::Errno, unistd};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver};

use super::KEPT;

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// Keeps the end of what it reads.
pub(super) struct Tail<'a> {
    bytes: Vec<u8>,
    /// So much that a secret at the cut is still whole.
    room: usize,
    cut: bool,
    secrets: Vec<&'a str>,
}

impl<'a> Tail<'a> {
    pub(super) fn new(secrets: &'a [String]) -> Tail<'a> {
        let mut secrets: Vec<&str> = secrets
            .iter()
            .map(|secret| secret.trim())
            .filter(|secret| !secret.is_empty())
            .collect();
        // A secret that is part of another would leave the other's rest to be seen.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let longest = secrets.first().map_or(0, |secret| secret.len());
        Tail {
            bytes: Vec::new(),
            room: KEPT + longest,
            cut: false,
            secrets,
        }
    }

    /// Reads until the output ends. May be given up at any time without losing anything that was read.
    pub(super) async fn read(&mut self, output: &mut Receiver) {
        let mut buffer = [0; 4096];
        while let Ok(count) = output.read(&mut buffer).await {
            if count == 0 {
                return;
            }
            self.add(&buffer[..count]);
        }
    }

    /// What lies in the pipe already: its writers are dead, or are not waited for.
    pub(super) fn rest(&mut self, output: &Receiver) {
        // A pipe holds at most a mebibyte; somebody who left the group may go on writing for ever.
        const MOST: usize = 1 << 20;
        let mut buffer = [0; 4096];
        let mut read = 0;
        loop {
            // The kernel is asked, and not the runtime (`try_read`): where it has had no time to poll since the last
            // line was written, it takes the pipe for empty.
            match unistd::read(output, &mut buffer) {
                Ok(count) => {
                    self.add(&buffer[..count]);
                    read += count;
                    if count == 0 || read > MOST {
                        return;
                    }
                }
                Err(Errno::EINTR) => {}
                // Nothing more is in it (EAGAIN: it does not block).
                Err(_) => return,
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if let Some(over) = self
            .bytes
            .len()
            .checked_sub(self.room)
            .filter(|over| *over > 0)
        {
            self.bytes.drain(..over);
            self.cut = true;
        }
    }

    /// The last [`KEPT`] bytes as text, and whether there was more before them.
    pub(super) fn text(&self) -> (String, bool) {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret, HIDDEN);
            // A secret of several lines is told line by line, as the runner masks it.
            for line in secret.lines().filter(|line| line.len() > HIDDEN.len()) {
                text = text.replace(line, HIDDEN);
            }
        }
        let over = text.len().saturating_sub(KEPT);
        // The front of what was cut may be the end of a secret: as long as the longest is dropped.
        let front = if self.cut {
            over.max(self.room - KEPT)
        } else {
            over
        };
        let front = (front.min(text.len())..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len());
        (text.split_off(front), self.cut || front > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secrets: &[&str], output: &str) -> String {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut tail = Tail::new(&secrets);
        for piece in output.as_bytes().chunks(7) {
            tail.add(piece);
        }
        let (text, cut) = tail.text();
        assert_eq!(cut, output.len() > KEPT, "{text}");
        text
    }

    #[test]
    fn a_short_output_is_kept_whole() {
        assert_eq!(text(&[], "one\ntwo\n"), "one\ntwo\n");
        assert_eq!(text(&["nowhere"], ""), "");
    }

    #[test]
    fn of_a_long_output_the_end_is_kept() {
        let output = format!("{}end", "é".repeat(KEPT));
        let kept = text(&[], &output);
        assert!(kept.ends_with("éend"));
        assert!(
            kept.len() <= KEPT && kept.len() > KEPT - 4,
            "{}",
            kept.len()
        );
        assert!(!kept.contains('\u{fffd}'), "a letter was cut in two");
    }

    #[test]
    fn a_secret_is_hidden_also_where_another_is_part_of_it_and_where_the_cut_goes_through_it() {
        assert_eq!(text(&["abc", "abcdef"], "x abcdef abc y"), "x *** *** y");
        for before in KEPT - 20..KEPT + 20 {
            let output = format!("{}canary-canary{}", "a".repeat(300), "b".repeat(before));
            let kept = text(&["canary-canary"], &output);
            assert!(!kept.contains("ry"), "{before}: {kept}");
            assert!(kept.ends_with("bb"));
        }
        // One that is hidden makes room at the front, where the rest of another stands.
        for before in KEPT - 40..KEPT + 20 {
            let middle = "b".repeat(before);
            let output = format!("{}canary-canary{middle}canary-canary", "a".repeat(300));
            let kept = text(&["canary-canary"], &output);
            assert!(!kept.contains("ry"), "{before}: {kept}");
        }
    }
}
