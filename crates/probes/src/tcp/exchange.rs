//! A first word over a connection: what is sent, and what must be answered.

use std::{fmt, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::foreign;

/// How much of an answer is read, in bytes: what is wanted stands at its front.
const MOST: usize = 4 << 10;

/// What is sent, and what must be answered: a banner, or a protocol's simplest question.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Sent when the connection stands; nothing where it is empty.
    pub send: String,
    /// What must stand somewhere in the first 4 KiB of the answer.
    pub expect: String,
}

/// Why the answer is not the one that is wanted; reads after the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeFailure {
    /// It said something else, and then closed the connection or nothing more in time.
    Other {
        /// What, in one bounded line.
        said: String,
    },
    /// It closed the connection without a word.
    Closed,
    /// The connection was reset.
    Reset,
    /// It said nothing in this time.
    Silent(Duration),
}

impl fmt::Display for ExchangeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExchangeFailure::Other { said } => write!(f, "said \"{said}\""),
            ExchangeFailure::Closed => f.write_str("closed the connection without a word"),
            ExchangeFailure::Reset => f.write_str("reset the connection"),
            ExchangeFailure::Silent(waited) => {
                write!(f, "said nothing in {:.1} s", waited.as_secs_f64())
            }
        }
    }
}

// What is sent may be a log-in.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// What is wanted, in one bounded line.
    pub(super) fn expect_shown(&self) -> String {
        foreign::bounded(&self.expect, 80)
    }

    /// The first line of the answer that is as wanted.
    ///
    /// # Errors
    ///
    /// See [`ExchangeFailure`].
    pub(super) async fn over(
        &self,
        mut stream: TcpStream,
        deadline: Instant,
    ) -> Result<String, ExchangeFailure> {
        let begun = Instant::now();
        let mut answer = Vec::new();
        let mut closed = false;
        let talk = async {
            // A server may refuse what it is sent, and has perhaps said why: what it said decides.
            let _refused = stream.write_all(self.send.as_bytes()).await;
            let mut buffer = [0; 1024];
            loop {
                let count = stream.read(&mut buffer).await.map_err(|_| Reset)?;
                answer.extend_from_slice(&buffer[..count]);
                closed = count == 0;
                if closed || answer.len() >= MOST || self.is_in(&answer) {
                    return Ok(());
                }
            }
        };
        let ended = timeout_at(deadline, talk).await;
        let is_whole = closed || answer.ends_with(b"\n");
        if self.is_in(&answer) {
            return Ok(shown(&answer, is_whole));
        }
        Err(match ended {
            _ if !answer.is_empty() => ExchangeFailure::Other {
                said: shown(&answer, is_whole),
            },
            Ok(Ok(())) => ExchangeFailure::Closed,
            Ok(Err(Reset)) => ExchangeFailure::Reset,
            Err(_elapsed) => ExchangeFailure::Silent(begun.elapsed()),
        })
    }

    fn is_in(&self, answer: &[u8]) -> bool {
        let wanted = self.expect.as_bytes();
        wanted.is_empty() || answer.windows(wanted.len()).any(|part| part == wanted)
    }
}

struct Reset;

fn shown(answer: &[u8], is_whole: bool) -> String {
    let mut text = String::from_utf8_lossy(answer).into_owned();
    if !is_whole {
        // A secret may stand across the place where the reading stopped, which who shows this must know.
        text.push('…');
    }
    foreign::bounded(&text, 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_not_heard_to_its_end_ends_with_the_sign_of_a_cut() {
        assert_eq!(shown(b"token CAN", false), "token CAN…");
        assert_eq!(shown(b"token CANARY\r\n", true), "token CANARY");
    }
}
