//! Hands a request to `git http-backend` (git-http-backend(1), RFC 3875).

use std::{ffi::OsString, io, path::Path, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use super::request::Request;

/// The answer of the backend, as HTTP.
pub(super) async fn run(root: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let mut command = Command::new("git");
    for name in surrounding_variables() {
        command.env_remove(name);
    }
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env(
            "CONTENT_TYPE",
            request.header("content-type").unwrap_or_default(),
        )
        .env(
            "HTTP_CONTENT_ENCODING",
            request.header("content-encoding").unwrap_or_default(),
        )
        .env(
            "GIT_PROTOCOL",
            request.header("git-protocol").unwrap_or_default(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let body = request.body.clone();
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A backend that refuses does not read to the end.
            let _ = stdin.write_all(&body).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    http(&output?.stdout)
}

/// The variables of a git or a user around the test, which must not reach the server.
pub(super) fn surrounding_variables() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_str().is_some_and(|n| n.starts_with("GIT_")))
}

/// CGI's headers become HTTP's: `Status:` is the status line, and the length is added.
fn http(output: &[u8]) -> io::Result<Vec<u8>> {
    let end = output
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    let (head, body) = (String::from_utf8_lossy(&output[..end]), &output[end + 4..]);
    let mut status = "200 OK";
    let mut headers = String::new();
    for line in head.split("\r\n") {
        match line.strip_prefix("Status: ") {
            Some(given) => status = given,
            None => headers.push_str(&format!("{line}\r\n")),
        }
    }
    let mut answer = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    Ok(answer)
}
