//! Clients of a process: one for each kind of connection, however many ask.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{Client, ClientOptions, HttpError, Roots};
use crate::resolver::Resolver;

/// What makes two connections of one kind.
struct Kind {
    resolver: Option<Resolver>,
    roots: Roots,
    identity: Option<(PathBuf, PathBuf)>,
    unix_socket: Option<PathBuf>,
    resolve: Vec<(String, String)>,
    proxies: bool,
}

impl Kind {
    fn is(&self, options: &ClientOptions) -> bool {
        let same_resolver = match (&self.resolver, &options.resolver) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is(other),
            _ => false,
        };
        same_resolver
            && self.roots == options.roots
            && self.identity == options.identity
            && self.unix_socket == options.unix_socket
            && self.resolve == options.resolve
            && self.proxies == options.proxies
    }
}

/// How many are kept; more are made and not kept.
const MOST: usize = 256;

static CLIENTS: Mutex<Vec<(Kind, Client)>> = Mutex::new(Vec::new());

impl Client {
    /// A client that shares its parts with every other of the same kind of connection in this process. Files that
    /// `options` names are read for the first of them only. One that keeps connections shares nothing.
    ///
    /// # Errors
    /// Those of [`Client::new`].
    pub fn shared(options: ClientOptions) -> Result<Client, HttpError> {
        if !options.keep_alive.is_zero() {
            return Client::new(options);
        }
        let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(kind, _)| kind.is(&options)) {
            return Ok(client.clone().with(&options));
        }
        let kind = Kind {
            resolver: options.resolver.clone(),
            roots: options.roots.clone(),
            identity: options.identity.clone(),
            unix_socket: options.unix_socket.clone(),
            resolve: options.resolve.clone(),
            proxies: options.proxies,
        };
        let client = Client::new(options)?;
        if clients.len() < MOST {
            clients.push((kind, client.clone()));
        }
        Ok(client)
    }
}
