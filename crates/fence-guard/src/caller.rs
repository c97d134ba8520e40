//! Whoever called the guard, mostly `sshd` for a runner far away.
//!
//! Without a terminal, sshd sends no SIGHUP when the connection is lost: it closes the pipes (or sockets) that the
//! command's output goes to. So the caller is gone when output and error output both lead to nobody.

use std::{
    io::{stderr, stdout},
    os::fd::{AsFd, BorrowedFd},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a place reports that leads to nobody.
const NOBODY: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP);

/// The caller, as far as it is still seen.
#[derive(Debug, Default)]
pub(crate) struct Caller {
    output_gone: bool,
    errors_gone: bool,
}

impl Caller {
    /// The outputs that still lead to somebody, to be polled for nothing: the kernel reports their end unasked.
    pub(crate) fn outputs<'a>(
        &self,
        output: BorrowedFd<'a>,
        errors: BorrowedFd<'a>,
    ) -> Vec<PollFd<'a>> {
        let mut places = Vec::new();
        if !self.output_gone {
            places.push(PollFd::new(output, PollFlags::empty()));
        }
        if !self.errors_gone {
            places.push(PollFd::new(errors, PollFlags::empty()));
        }
        places
    }

    /// Looks again. Whether the caller has gone since the last look.
    pub(crate) fn left(&mut self) -> bool {
        let before = self.is_gone();
        self.output_gone = self.output_gone || leads_to_nobody(stdout().as_fd());
        self.errors_gone = self.errors_gone || leads_to_nobody(stderr().as_fd());
        !before && self.is_gone()
    }

    fn is_gone(&self) -> bool {
        self.output_gone && self.errors_gone
    }
}

fn leads_to_nobody(place: BorrowedFd<'_>) -> bool {
    let mut places = [PollFd::new(place, PollFlags::empty())];
    poll(&mut places, PollTimeout::ZERO).is_ok()
        && places[0]
            .revents()
            .is_some_and(|seen| seen.intersects(NOBODY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::pipe, os::unix::net::UnixStream};

    #[test]
    fn a_pipe_or_socket_without_a_reader_leads_to_nobody() {
        let (reader, writer) = pipe().unwrap();
        assert!(!leads_to_nobody(writer.as_fd()));
        drop(reader);
        assert!(leads_to_nobody(writer.as_fd()));
        let (near, far) = UnixStream::pair().unwrap();
        assert!(!leads_to_nobody(near.as_fd()));
        drop(far);
        assert!(leads_to_nobody(near.as_fd()));
    }

    #[test]
    fn a_file_always_leads_somewhere() {
        assert!(!leads_to_nobody(tempfile::tempfile().unwrap().as_fd()));
        assert!(!leads_to_nobody(
            std::fs::File::create("/dev/null").unwrap().as_fd()
        ));
    }
}
