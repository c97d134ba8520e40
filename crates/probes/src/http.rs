//! HTTP: one request, its whole answer, within a deadline.
//!
//! Responsible for: sending one request to a TCP port or a Unix socket, never through a proxy, following redirects only
//! where told, reading a bounded body, and naming what went wrong in one line without a credential. Not responsible for
//! retries, for captures between requests, or for what an answer means to a protocol on top: Docker, registries and
//! Prometheus have their own files.

mod body;
mod client;
mod coding;
mod error;
pub mod expectation;
mod probe;
mod request;
mod response;
mod shared;
mod tls;

pub(crate) use client::Cookies;
pub use client::{Client, ClientOptions, Roots};
pub use error::HttpError;
pub use expectation::Expectation;
pub use probe::HttpProbe;
pub use request::{Credentials, Request};
pub use response::Response;
