//! The keys of the kind `redis`.

use crate::{Key, Shape};

/// How a server is reached and logged in to; for Redis and for its sentinels.
const LOGIN: &[Key] = &[
    Key::new("username", Shape::Text, "as whom; `default` without it"),
    Key::new(
        "password",
        Shape::Secret,
        "that user's password, as it is: nothing in it needs encoding",
    ),
    Key::new("tls", Shape::Flag, "speak TLS, as with `rediss://`"),
    Key::new(
        "ca-file",
        Shape::Text,
        "PEM file with the authorities to trust, in the place of the system's",
    ),
    Key::new(
        "certificate",
        Shape::Text,
        "PEM file with this client's certificate; needs `key`",
    ),
    Key::new(
        "key",
        Shape::Text,
        "PEM file with its private key, not encrypted; needs `certificate`",
    ),
    Key::new(
        "server-name",
        Shape::Text,
        "the name that the server's certificate must prove, where it is not the host's",
    ),
    Key::new(
        "skip-verify",
        Shape::Flag,
        "take any certificate: whoever answers gets the password, and every result says so",
    ),
];

pub(super) const SENTINEL: &[Key] = &Key::joined::<{ LOGIN.len() + 2 }>(&[
    &[
        Key::new(
            "master",
            Shape::Text,
            "the master's name among its sentinels",
        )
        .required(),
        Key::new(
            "at",
            Shape::List(&Shape::Address),
            "all the sentinels: `host`, `host:26379`, or a URL as above",
        )
        .required(),
    ],
    LOGIN,
]);

const PLACE: &[Key] = &[Key::new(
    "url",
    Shape::Address,
    "`redis://user:password@host:6379/0`, `rediss://…` for TLS, `unix:///path` of a socket, or `host:port`; user and \
     password percent-encoded",
)];

const WANTED: &[Key] = &[
    Key::new(
        "database",
        Shape::Count { least: 0 },
        "which database; that of `url`, or 0, without it",
    ),
    Key::new(
        "role",
        Shape::Choice(&["master", "primary", "replica", "slave"]),
        "what the server must be, by `ROLE`; a replica's link to its master must be up. `primary` means `master`, `slave` \
         means `replica`",
    ),
    Key::new(
        "min-replicas",
        Shape::Count { least: 1 },
        "how many replicas must be connected and online, at least; the server must be a master",
    ),
    Key::new(
        "sentinel",
        Shape::Object(SENTINEL),
        "who knows where the master is, in the place of `url`: a majority must name the same server, and it must be a \
         master",
    ),
    Key::new(
        "cluster",
        Shape::Flag,
        "by `CLUSTER INFO`, the state must be `ok` and all 16384 slots covered",
    ),
    Key::new(
        "min-masters",
        Shape::Count { least: 1 },
        "how many masters with slots there must be, at least; needs `cluster`",
    ),
    Key::new(
        "min-nodes",
        Shape::Count { least: 1 },
        "how many nodes the asked one must know, replicas and lost ones with them, at least; needs `cluster`",
    ),
    Key::new(
        "command",
        Shape::List(&Shape::Text),
        "a command of your own, word by word: `[GET, deploy:version]`; it is run at every try",
    ),
    Key::new(
        "value",
        Shape::Text,
        "what `command` must answer; without it, any answer that is no error passes",
    ),
];

pub(super) const KEYS: &[Key] =
    &Key::joined::<{ PLACE.len() + LOGIN.len() + WANTED.len() }>(&[PLACE, LOGIN, WANTED]);
