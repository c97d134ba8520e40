//! Content codings (RFC 9110 §8.4.1): `gzip` and `deflate` are undone, bounded like any body.
//!
//! None is ever asked for; some servers and proxies compress all the same.

use std::io::{ErrorKind, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// A body without its coding.
pub(super) struct Decoded {
    pub(super) body: Vec<u8>,
    /// Whether it was longer than the limit, before or after its coding was undone.
    pub(super) cut: bool,
    /// A coding that it still has.
    pub(super) unread: Option<String>,
}

/// `body` as `headers` say it is coded, at most `limit` bytes of it; `cut` says that more of it came than was read.
///
/// # Errors
/// The body does not have the coding that the server names.
pub(super) fn decoded(
    headers: &HeaderMap,
    body: Vec<u8>,
    cut: bool,
    limit: usize,
) -> Result<Decoded, String> {
    let codings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(',')
                .map(|coding| coding.trim().to_ascii_lowercase())
                .collect::<Vec<_>>()
        })
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect();
    let plain = |body, unread| Ok(Decoded { body, cut, unread });
    match codings.as_slice() {
        _ if body.is_empty() => plain(body, None),
        [] => plain(body, None),
        [one] if one == "gzip" || one == "x-gzip" => {
            read(MultiGzDecoder::new(body.as_slice()), "gzip", cut, limit)
        }
        // "deflate" means the zlib format (RFC 9110 §8.4.1.2); some send its inside alone. The format's two first bytes
        // are a multiple of 31 (RFC 1950 §2.2) and say method 8.
        [one] if one == "deflate" => match body.as_slice() {
            [first, second, ..]
                if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0 =>
            {
                read(ZlibDecoder::new(body.as_slice()), "deflate", cut, limit)
            }
            raw => read(DeflateDecoder::new(raw), "deflate", cut, limit),
        },
        several => {
            let unread = several.join(", ");
            plain(body, Some(unread))
        }
    }
}

fn read(decoder: impl Read, name: &str, cut: bool, limit: usize) -> Result<Decoded, String> {
    let mut body = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(most).read_to_end(&mut body) {
        Ok(_) => (),
        // What was read before the cut stands in `body`.
        Err(error) if cut && error.kind() == ErrorKind::UnexpectedEof => (),
        Err(_) => {
            return Err(format!(
                "the body is called {name} and cannot be read as such"
            ));
        }
    }
    let longer = body.len() > limit;
    body.truncate(limit);
    Ok(Decoded {
        body,
        cut: cut || longer,
        unread: None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn headers(coding: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, coding.parse().expect("a value"));
        headers
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("it is written");
        encoder.finish().expect("it ends")
    }

    #[test]
    fn a_body_is_read_in_each_form_that_servers_send() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"well").expect("it is written");
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(b"well").expect("it is written");
        for (coding, body) in [
            ("gzip", gzip(b"well")),
            ("X-GZip", gzip(b"well")),
            ("deflate", zlib.finish().expect("it ends")),
            ("deflate", raw.finish().expect("it ends")),
            ("identity", b"well".to_vec()),
        ] {
            let read = decoded(&headers(coding), body, false, 100).expect("a body");
            assert_eq!((read.body.as_slice(), read.cut), (&b"well"[..], false));
        }
    }

    #[test]
    fn a_small_body_that_grows_without_end_is_cut_at_the_limit() {
        let bomb = gzip(&vec![b'x'; 10 << 20]);
        assert!(bomb.len() < 20_000);
        let read = decoded(&headers("gzip"), bomb, false, 1000).expect("a body");
        assert_eq!((read.body.len(), read.cut), (1000, true));
    }

    #[test]
    fn a_body_that_was_cut_on_the_way_is_read_as_far_as_it_came() {
        let mut body = gzip(b"well, and so on");
        body.truncate(body.len() - 9);
        let read = decoded(&headers("gzip"), body.clone(), true, 1000).expect("a body");
        assert!(read.cut);
        assert!(decoded(&headers("gzip"), body, false, 1000).is_err());
    }

    #[test]
    fn an_unknown_coding_is_named_and_a_false_one_refused() {
        let read = decoded(&headers("br"), b"x".to_vec(), false, 100).expect("a body");
        assert_eq!(read.unread.as_deref(), Some("br"));
        let error = decoded(&headers("gzip"), b"no".to_vec(), false, 100)
            .err()
            .expect("no gzip");
        assert_eq!(error, "the body is called gzip and cannot be read as such");
    }
}
