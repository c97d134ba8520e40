//! Image registries: whether an image reference exists, as its registry tells.
//!
//! Responsible for: references as Docker means them, `HEAD` on a manifest (OCI distribution spec §3.2), basic and bearer
//! authorization, and the credentials that `docker login` left. Not responsible for pulling, for platforms within an
//! index, or for signatures.

mod challenge;
mod client;
mod credentials;
mod error;
mod probe;
mod reference;

pub use client::{Manifest, Registry, RegistryOptions};
pub use credentials::CredentialsError;
pub use error::RegistryError;
pub use probe::ImageProbe;
pub use reference::{Reference, ReferenceError};
