//! The kind `tcp`: an open port, and perhaps its first word.

use std::sync::Arc;

use probes::{
    Probe,
    tcp::{Exchange, Tcp},
};

use super::{Kind, authority};
use crate::{Fields, Key, Problems, Shape, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "tcp",
    help: "a TCP port takes connections",
    keys: &[
        Key::new(
            "address",
            Shape::Address,
            "`host:port`, `192.0.2.7:port` or `[2001:db8::7]:port`; every address of a name is tried",
        )
        .required(),
        Key::new(
            "expect",
            Shape::Text,
            "Must stand in the first 4 KiB that the server says",
        ),
        Key::new(
            "send",
            Shape::Text,
            "Is sent first, with `expect`; in double quotes `\\r\\n` ends a line",
        ),
    ],
    short: Some("address"),
    build,
};

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let address = authority::of(fields, "address", None, problems);
    let exchange = match (fields.text("send"), fields.text("expect")) {
        (Some(_), None) => {
            fields.wrong(
                "send",
                "nothing that is expected",
                "`expect` beside it",
                "add `expect` with what the server must answer",
                problems,
            );
            None
        }
        (_, Some("")) => {
            fields.wrong(
                "expect",
                "an empty text, which stands in every answer",
                "a part of what the server says",
                "leave `expect` out where a connection is enough",
                problems,
            );
            return None;
        }
        (send, Some(expect)) => Some(Exchange {
            send: send.unwrap_or_default().to_owned(),
            expect: expect.to_owned(),
        }),
        (None, None) => None,
    };
    let (host, port) = address?;
    Some(Arc::new(Tcp {
        resolver: around.resolver.clone(),
        host,
        port,
        exchange,
    }))
}
