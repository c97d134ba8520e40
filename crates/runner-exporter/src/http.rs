//! Requests and answers of HTTP/1.1 (RFC 9112), as much of it as a scrape needs: no bodies in, a length on what goes out.

/// The longest head of a request, in bytes.
pub(crate) const LONGEST: usize = 8 * 1024;
const HEADERS: usize = 64;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without a query.
    pub(crate) path: String,
    /// All `Accept` headers.
    pub(crate) accept: String,
    /// Whether the connection may serve another one.
    pub(crate) keep: bool,
    /// Bytes of the head.
    pub(crate) length: usize,
}

/// What the bytes so far come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The head goes on.
    Part,
    Whole(Request),
    Refused(Answer),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn plain(status: u16, body: impl Into<String>) -> Answer {
        let content_type = "text/plain; charset=utf-8";
        Answer {
            status,
            content_type,
            body: body.into(),
        }
    }

    /// Its bytes. To `HEAD`, without the body, whose length still stands.
    pub(crate) fn bytes(&self, head: bool, keep: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            414 => "URI Too Long",
            431 => "Request Header Fields Too Large",
            505 => "HTTP Version Not Supported",
            _ => "Service Unavailable",
        };
        let allow = if self.status == 405 {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let close = if keep { "" } else { "Connection: close\r\n" };
        let mut bytes = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}{close}\r\n",
            self.status,
            self.content_type,
            self.body.len(),
        )
        .into_bytes();
        if !head {
            bytes.extend_from_slice(self.body.as_bytes());
        }
        bytes
    }
}

/// Reads a request's head from the front of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return Parsed::Part,
        Ok(httparse::Status::Partial) if bytes.contains(&b'\n') => {
            return Parsed::Refused(Answer::plain(431, "the headers are longer than 8 KiB\n"));
        }
        Ok(httparse::Status::Partial) => {
            return Parsed::Refused(Answer::plain(
                414,
                "the request line is longer than 8 KiB\n",
            ));
        }
        Err(httparse::Error::TooManyHeaders) => {
            return Parsed::Refused(Answer::plain(431, "more than 64 headers\n"));
        }
        Err(httparse::Error::Version) => {
            return Parsed::Refused(Answer::plain(505, "HTTP/1.1 is spoken here\n"));
        }
        Err(_) => return Parsed::Refused(Answer::plain(400, "that is no request\n")),
    };
    let newer = request.version == Some(1);
    let mut keep = newer;
    let mut accept = String::new();
    for header in request.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        if header.name.eq_ignore_ascii_case("accept") {
            if !accept.is_empty() {
                accept.push(',');
            }
            accept.push_str(&value);
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep &= !value
                .split(',')
                .any(|word| word.trim().eq_ignore_ascii_case("close"));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding")
            || (header.name.eq_ignore_ascii_case("content-length") && value.trim() != "0")
        {
            // A body is not read, so nothing behind it can be.
            keep = false;
        }
    }
    let target = request.path.unwrap_or("/");
    // A proxy's form names the host, too.
    let path = target.split_once("://").map_or(target, |(_, rest)| {
        rest.find('/').map_or("/", |at| &rest[at..])
    });
    Parsed::Whole(Request {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
        accept,
        keep,
        length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Parsed::Whole(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> u16 {
        match parse(text.as_bytes()) {
            Parsed::Refused(answer) => answer.status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_scrape_is_understood_and_what_follows_it_left() {
        let request = whole(
            "GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\naccept: c/d\r\n\r\nGET /",
        );
        assert_eq!(
            (request.path.as_str(), request.accept.as_str()),
            ("/metrics", "a/b,c/d")
        );
        assert!(request.keep);
        assert_eq!(request.length, 64);
        assert_eq!(
            whole("GET http://h:9101/health HTTP/1.1\r\n\r\n").path,
            "/health"
        );
        assert_eq!(whole("GET http://h HTTP/1.1\r\n\r\n").path, "/");
    }

    #[test]
    fn a_connection_is_closed_where_it_must_be() {
        assert!(!whole("GET / HTTP/1.0\r\n\r\n").keep);
        assert!(!whole("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n").keep);
        assert!(!whole("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").keep);
        assert!(!whole("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").keep);
    }

    #[test]
    fn what_is_too_long_or_no_request_is_refused() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\nA"), Parsed::Part);
        assert_eq!(
            refused(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(LONGEST)).replace("\r\n", "")),
            414
        );
        assert_eq!(
            refused(&format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(LONGEST))),
            431
        );
        assert_eq!(
            refused(&format!(
                "GET / HTTP/1.1\r\n{}\r\n",
                "A: b\r\n".repeat(HEADERS + 1)
            )),
            431
        );
        assert_eq!(refused("\u{16}\u{3}\u{1}"), 400);
        assert_eq!(refused("GET / HTTP/3.0\r\n\r\n"), 505);
    }

    #[test]
    fn an_answer_to_head_has_the_length_of_what_it_leaves_out() {
        let answer = Answer::plain(405, "no\n");
        let text = String::from_utf8(answer.bytes(true, false)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n"
        );
    }
}
