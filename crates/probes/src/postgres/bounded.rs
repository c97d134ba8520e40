//! A connection that is read only so far: what a wrong query asks for must not fill this machine.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::stream::Stream;

/// How many bytes are read over one connection at most, until more are [granted](Spent::renew).
pub(super) const MOST: usize = 16 * 1024 * 1024;

/// A connection over which at most [`MOST`] bytes are read.
pub(super) struct Bounded {
    stream: Stream,
    spent: Spent,
}

/// Tells whether a connection ended because it was read as far as it may be. tokio-postgres tells the reason of a broken
/// connection to nobody who asks over it.
#[derive(Clone, Debug)]
pub(super) struct Spent(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    left: AtomicUsize,
    exceeded: AtomicBool,
}

impl Spent {
    pub(super) fn is_so(&self) -> bool {
        self.0.exceeded.load(Ordering::Relaxed)
    }

    /// Lets another [`MOST`] bytes be read: the next answer has a bound of its own.
    pub(super) fn renew(&self) {
        self.0.left.store(MOST, Ordering::Relaxed);
    }

    /// Whether `read` further bytes are within the bound.
    fn takes(&self, read: usize) -> bool {
        let left = self.0.left.load(Ordering::Relaxed).checked_sub(read);
        self.0.left.store(left.unwrap_or(0), Ordering::Relaxed);
        if left.is_none() {
            self.0.exceeded.store(true, Ordering::Relaxed);
        }
        left.is_some()
    }
}

impl Bounded {
    pub(super) fn new(stream: Stream) -> (Bounded, Spent) {
        let spent = Spent(Arc::new(Budget {
            left: AtomicUsize::new(MOST),
            exceeded: AtomicBool::new(false),
        }));
        let bounded = Bounded {
            stream,
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
        if !this.spent.takes(read) {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
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
