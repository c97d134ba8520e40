//! A body that is sent only while it still may be.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http_body::{Frame, SizeHint};

/// Whether a body may still be sent.
#[derive(Clone)]
pub(super) struct Still(pub(super) Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for Still {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Still")
    }
}

/// The body may not be sent any more.
#[derive(Debug, thiserror::Error)]
#[error("what was to be sent is out of date")]
pub(super) struct Outdated;

/// A body whose every part is asked for right before it is handed to a connection that stands.
pub(super) struct While {
    pub(super) inner: reqwest::Body,
    pub(super) still: Still,
}

impl http_body::Body for While {
    type Data = <reqwest::Body as http_body::Body>::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if !(self.still.0)() {
            return Poll::Ready(Some(Err(Box::new(Outdated))));
        }
        Pin::new(&mut self.inner)
            .poll_frame(context)
            .map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    /// Its length is known, so it is no chunked one.
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
