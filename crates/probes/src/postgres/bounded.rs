//! A connection that is read only so far: what a wrong query asks for must not fill this machine.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::stream::Stream;

/// How many bytes are read over one connection at most.
pub(super) const MOST: usize = 16 * 1024 * 1024;

/// A connection over which at most [`MOST`] bytes are read.
pub(super) struct Bounded {
    stream: Stream,
    left: usize,
    spent: Spent,
}

/// Tells whether a connection ended because it was read as far as it may be. tokio-postgres tells the reason of a broken
/// connection to nobody who asks over it.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent(Arc<AtomicBool>);

impl Spent {
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Bounded {
    pub(super) fn new(stream: Stream) -> (Bounded, Spent) {
        let spent = Spent::default();
        let bounded = Bounded {
            stream,
            left: MOST,
            spent: spent.clone(),
        };
        (bounded, spent)
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        match this.left.checked_sub(read) {
            Some(left) => this.left = left,
            None => {
                this.spent.0.store(true, Ordering::Relaxed);
                return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
            }
        }
        polled
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl TlsStream for Bounded {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// Tells tokio-postgres that TLS stands already.
pub(super) struct Standing;

impl TlsConnect<Bounded> for Standing {
    type Stream = Bounded;
    type Error = io::Error;
    type Future = Ready<io::Result<Bounded>>;

    fn connect(self, stream: Bounded) -> Self::Future {
        ready(Ok(stream))
    }
}
