//! Reads a file's lines from its end, so that the newest of a large file cost as little as those of a small one.

use std::{fs::File, io, os::unix::fs::FileExt};

/// How much is read at once; more where one line is longer.
const PIECE: u64 = 64 << 10;

/// The lines of a file, the last first. The first of them is what stands behind the last line break: empty in a file
/// whose last line is whole.
pub(crate) struct Backwards<'a> {
    file: &'a File,
    /// Where `held` begins in the file.
    from: u64,
    held: Vec<u8>,
    done: bool,
}

impl<'a> Backwards<'a> {
    /// The lines of `file` as long as it is now.
    pub(crate) fn of(file: &'a File) -> io::Result<Backwards<'a>> {
        Ok(Backwards {
            from: file.metadata()?.len(),
            file,
            held: Vec::new(),
            done: false,
        })
    }

    /// The next line towards the beginning, without its line break.
    pub(crate) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut looked_at = 0;
        loop {
            let unseen = &self.held[..self.held.len() - looked_at];
            if let Some(at) = unseen.iter().rposition(|byte| *byte == b'\n') {
                let line = self.held.split_off(at + 1);
                self.held.pop();
                return Ok(Some(line));
            }
            if self.from == 0 {
                let first = std::mem::take(&mut self.held);
                return Ok((!std::mem::replace(&mut self.done, true)).then_some(first));
            }
            looked_at = self.held.len();
            self.read_on()?;
        }
    }

    fn read_on(&mut self) -> io::Result<()> {
        // As much again as is held: a line of any length is copied a few times, not once for each piece.
        let length = PIECE.max(self.held.len() as u64).min(self.from);
        let mut piece = vec![0; length as usize];
        self.from -= length;
        self.file.read_exact_at(&mut piece, self.from)?;
        piece.append(&mut self.held);
        self.held = piece;
        Ok(())
    }
}
