//! RESP2, the protocol of Redis: commands as bytes, bytes as answers
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).
//!
//! Written here, since what a gate asks may not be a Redis server at all: no length that a server claims is believed
//! before its bytes are there, and nothing is kept past [`LONGEST`].

/// The most bytes that one answer to a gate may have.
pub(super) const LONGEST: usize = 1 << 20;
/// The longest line, and so the longest error.
const LONGEST_LINE: usize = 64 << 10;
/// How deep lists may stand in lists; ours have three levels.
const DEEPEST: usize = 8;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none.
    Nil,
    /// A whole number.
    Number(i64),
    /// Text of any kind; bytes that are no UTF-8 are replaced.
    Text(String),
    /// Several, which may be lists themselves.
    List(Vec<Value>),
    /// `-CODE message`.
    Error {
        /// Its first word.
        code: String,
        /// The rest of it.
        message: String,
    },
}

/// These bytes are no answer of a Redis server, or one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Value {
    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list, where it is one.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }
}

/// `command` as a server reads it.
pub(super) fn packed(command: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The first answer in `bytes`, of at most about `longest` of them, and how many it has; nothing where it is not whole
/// yet.
pub(super) fn parse(bytes: &[u8], longest: usize) -> Result<Option<(Value, usize)>, Malformed> {
    let mut rest = bytes;
    match value(&mut rest, 0, longest) {
        Ok(found) => Ok(Some((found, bytes.len() - rest.len()))),
        Err(Stop::NotWhole) if bytes.len() < longest => Ok(None),
        Err(_) => Err(Malformed),
    }
}

enum Stop {
    NotWhole,
    Malformed,
}

fn value(rest: &mut &[u8], depth: usize, longest: usize) -> Result<Value, Stop> {
    let Some((&kind, after)) = rest.split_first() else {
        return Err(Stop::NotWhole);
    };
    if !b"+-:$*".contains(&kind) || depth > DEEPEST {
        return Err(Stop::Malformed);
    }
    *rest = after;
    let line = line(rest)?;
    match kind {
        b'+' => Ok(Value::Text(line)),
        b'-' => {
            let (code, message) = line.split_once(' ').unwrap_or((&line, ""));
            Ok(Value::Error {
                code: code.to_owned(),
                message: message.to_owned(),
            })
        }
        b':' => line.parse().map(Value::Number).map_err(|_| Stop::Malformed),
        b'$' => match length(&line, longest)? {
            None => Ok(Value::Nil),
            Some(length) => {
                let Some((text, after)) = rest.split_at_checked(length) else {
                    return Err(Stop::NotWhole);
                };
                let Some((end, after)) = after.split_at_checked(2) else {
                    return Err(Stop::NotWhole);
                };
                if end != b"\r\n" {
                    return Err(Stop::Malformed);
                }
                *rest = after;
                Ok(Value::Text(String::from_utf8_lossy(text).into_owned()))
            }
        },
        _ => match length(&line, longest)? {
            None => Ok(Value::Nil),
            // Grown as they come, not made room for: the number is the server's word.
            Some(count) => (0..count)
                .map(|_| value(rest, depth + 1, longest))
                .collect::<Result<_, _>>()
                .map(Value::List),
        },
    }
}

fn line(rest: &mut &[u8]) -> Result<String, Stop> {
    let window = &rest[..rest.len().min(LONGEST_LINE)];
    match window.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => {
            let text = String::from_utf8_lossy(&rest[..end]).into_owned();
            *rest = &rest[end + 2..];
            Ok(text)
        }
        None if window.len() == LONGEST_LINE => Err(Stop::Malformed),
        None => Err(Stop::NotWhole),
    }
}

fn length(line: &str, longest: usize) -> Result<Option<usize>, Stop> {
    if line == "-1" {
        return Ok(None);
    }
    match line.parse() {
        Ok(length) if length <= longest => Ok(Some(length)),
        _ => Err(Stop::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_command_is_a_list_of_counted_words() {
        assert_eq!(
            packed(&["GET", "ä b"]),
            "*2\r\n$3\r\nGET\r\n$4\r\nä b\r\n".as_bytes()
        );
    }

    #[test]
    fn every_answer_is_read_whole_and_no_sooner() {
        let answers: [(&str, Value); 7] = [
            ("+PONG\r\n", text("PONG")),
            (
                "-NOAUTH Authentication required.\r\n",
                Value::Error {
                    code: "NOAUTH".to_owned(),
                    message: "Authentication required.".to_owned(),
                },
            ),
            (":-12\r\n", Value::Number(-12)),
            ("$4\r\na\r\nb\r\n", text("a\r\nb")),
            ("$-1\r\n", Value::Nil),
            ("*-1\r\n", Value::Nil),
            (
                "*2\r\n$6\r\nmaster\r\n*1\r\n:3\r\n",
                Value::List(vec![text("master"), Value::List(vec![Value::Number(3)])]),
            ),
        ];
        for (bytes, wanted) in answers {
            let more = format!("{bytes}+next\r\n");
            assert_eq!(
                parse(more.as_bytes(), LONGEST),
                Ok(Some((wanted, bytes.len()))),
                "{bytes:?}"
            );
            for end in 0..bytes.len() {
                assert_eq!(
                    parse(&bytes.as_bytes()[..end], LONGEST),
                    Ok(None),
                    "{bytes:?} {end}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_answer_or_claims_to_be_endless_is_refused_at_once() {
        let deep = "*1\r\n".repeat(100);
        let long = format!("+{}", "a".repeat(LONGEST));
        for bytes in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\x15\x03\x01",
            "$99999999999999999999\r\n",
            "$9999999999\r\n",
            "*9999999999\r\n",
            "$-2\r\n",
            ":x\r\n",
            "$1\r\nabc",
            &deep,
            &long,
        ] {
            assert_eq!(
                parse(bytes.as_bytes(), LONGEST),
                Err(Malformed),
                "{bytes:.30}"
            );
        }
        let many = format!("*1000000\r\n{}", ":1\r\n".repeat(LONGEST / 4));
        assert_eq!(parse(many.as_bytes(), LONGEST), Err(Malformed));
    }
}
