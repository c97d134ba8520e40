//! Web servers of the pages: what they answer is a function of what they are asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// A request.
pub(crate) struct Asked {
    /// `POST /api/search`
    pub(crate) line: String,
    /// `name: value`, with the name in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
    /// Whether the client has shown a certificate that is trusted.
    pub(crate) known: bool,
}

impl Asked {
    pub(crate) fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }
}

/// An answer: status with its words, further headers each with its line's end, body.
pub(crate) type Reply = (&'static str, String, String);

pub(crate) fn reply(status: &'static str, body: &str) -> Reply {
    (status, String::new(), body.to_owned())
}

/// Serves at `at` until the test ends; over TLS where it has a certificate.
pub(crate) fn serve(
    at: &str,
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) {
    let listener = TcpListener::bind(at).unwrap();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tls, answer) = (tls.clone(), Arc::clone(&answer));
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                match tls {
                    None => exchange(stream, |_| false, &*answer),
                    Some(config) => {
                        let server = ServerConnection::new(config).unwrap();
                        let known = |stream: &StreamOwned<ServerConnection, _>| {
                            stream.conn.peer_certificates().is_some()
                        };
                        exchange(StreamOwned::new(server, stream), known, &*answer)
                    }
                }
            });
        }
    });
}

fn exchange<S: Read + Write>(
    stream: S,
    known: impl Fn(&S) -> bool,
    answer: &dyn Fn(&Asked) -> Reply,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let headers: Vec<String> = head[1..]
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            format!("{}: {value}", name.to_ascii_lowercase())
        })
        .collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = Asked {
        line: head[0].trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        known: known(reader.get_ref()),
    };
    let (status, more, body) = answer(&asked);
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// An authority of the test's own.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority { params, key }
    }

    /// An authority below this one, with its certificate as `change` makes it.
    pub(crate) fn below(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (Authority, rcgen::Certificate) {
        let mut below = Authority::new(name);
        change(&mut below.params);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = below.params.signed_by(&below.key, &issuer).unwrap();
        (below, certificate)
    }

    pub(crate) fn certificate(&self) -> rcgen::Certificate {
        self.params.self_signed(&self.key).unwrap()
    }

    /// Its certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.certificate().pem()
    }

    /// A certificate for these names with its key, valid as `change` says or for long.
    pub(crate) fn sign_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        (params.signed_by(&key, &issuer).unwrap(), key)
    }

    pub(crate) fn sign(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        self.sign_with(names, |_| ())
    }

    /// What a server shows that has a certificate of this authority for `names`, and asks clients for one of it too.
    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        let (certificate, key) = self.sign(names);
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate().der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone()], private(&key))
            .unwrap();
        Arc::new(config)
    }
}

pub(crate) fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}
