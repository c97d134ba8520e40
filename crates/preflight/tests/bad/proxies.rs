//! Proxy variables: GitHub and public registries are asked through the proxy, targets and local registries never.

use std::{io::Write as _, net::TcpListener};

use crate::{
    program::{Preflight, Ran},
    server::{Server, whole},
};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn through(proxy: &Server, preflight: Preflight) -> Ran {
    let preflight = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"]
        .into_iter()
        .fold(preflight, |preflight, name| {
            preflight.with(name, proxy.url())
        });
    preflight.run()
}

/// A registry that has every image.
fn has_all() -> Server {
    let headers = format!(
        "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nDocker-Content-Digest: {DIGEST}\r\n"
    );
    Server::saying("200 OK", &headers, "")
}

#[test]
fn targets_are_asked_directly_and_the_report_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Server::saying("502 Bad Gateway", "", "");
    let target = listener.local_addr().unwrap();
    let preflight = Preflight::of("network.targets").with("INPUT_TARGETS", target);
    let ran = through(&proxy, preflight);
    ran.ends(0, "pass", &[]);
    assert!(
        ran.row("network.targets").contains("asked directly"),
        "{}",
        ran.summary
    );
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[test]
fn github_is_asked_through_the_proxy() {
    let proxy = Server::start(|_, _, stream| {
        let text = whole("200 OK", "Content-Type: application/json\r\n", "[]");
        let _gone = stream.write_all(text.as_bytes());
    });
    // No resolver knows this name: only the proxy can be asked for it.
    let preflight = Preflight::of("branch.protected")
        .with("GITHUB_API_URL", "http://api.github.invalid")
        .with("INPUT_GITHUB_TOKEN", "ghs_job");
    let _ran = through(&proxy, preflight);
    let first = proxy.asked().into_iter().next().unwrap();
    assert!(
        first.starts_with("GET http://api.github.invalid/repos/octo/shop/rules/branches/main"),
        "{first}"
    );
}

#[test]
fn a_public_registry_is_asked_through_the_proxy_and_a_local_one_is_not() {
    let (proxy, local) = (has_all(), has_all());
    let preflight = Preflight::of("artifacts.images")
        .with("INPUT_INSECURE_REGISTRIES", "registry.invalid:5000")
        .with(
            "INPUT_IMAGES",
            format!("registry.invalid:5000/shop:1\n{}/shop:1", local.address),
        );
    let ran = through(&proxy, preflight);
    ran.ends(0, "pass", &[]);
    assert_eq!(
        proxy.asked(),
        ["HEAD http://registry.invalid:5000/v2/shop/manifests/1 HTTP/1.1"]
    );
    assert_eq!(local.asked(), ["HEAD /v2/shop/manifests/1 HTTP/1.1"]);
}

#[test]
fn a_registry_with_tls_is_reached_by_connect_and_a_proxy_that_refuses_is_told() {
    let proxy = Server::saying("502 Bad Gateway", "", "");
    let preflight =
        Preflight::of("artifacts.images").with("INPUT_IMAGES", "registry.invalid/shop:1");
    let ran = through(&proxy, preflight);
    assert_eq!(
        proxy.asked().first().map(String::as_str),
        Some("CONNECT registry.invalid:443 HTTP/1.1")
    );
    assert_ne!(
        ran.measured("artifacts.images"),
        "pass",
        "{}",
        ran.everything()
    );
}

#[test]
fn no_proxy_exempts_a_registry_as_docker_does() {
    let proxy = Server::saying("502 Bad Gateway", "", "");
    let preflight = Preflight::of("artifacts.images")
        .with("NO_PROXY", ".invalid")
        .with("INPUT_IMAGES", "registry.invalid/shop:1");
    let ran = through(&proxy, preflight);
    assert_eq!(proxy.asked(), Vec::<String>::new(), "{}", ran.everything());
}
