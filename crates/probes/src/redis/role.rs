//! What a server is to others: `ROLE` (<https://redis.io/docs/latest/commands/role/>).

use std::fmt;

use super::{RedisError, connection::Session, error::shown, resp::Value};

/// What a server is wanted to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedRole {
    /// It takes writes.
    Master {
        /// How many replicas must be connected and online, at least.
        min_replicas: u64,
    },
    /// It follows a master, and the link to it is up.
    Replica,
}

/// What a server says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Master {
        /// Those that are online: a server names no others here.
        replicas: usize,
    },
    Replica {
        /// `10.0.0.1:6379`.
        master: String,
        /// `connect`, `connecting`, `sync` or `connected`.
        link: String,
    },
    /// A sentinel.
    Other(String),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Master { replicas } => write!(f, "role is master, {}", online(*replicas)),
            Role::Replica { master, link } => {
                write!(f, "role is slave, replication link to {master} is {link}")
            }
            Role::Other(role) => write!(f, "role is {role}"),
        }
    }
}

/// Asks a server for its role.
pub(super) async fn ask(session: &mut Session) -> Result<Role, RedisError> {
    let answer = session.call(&["ROLE"]).await?;
    read(&answer).ok_or_else(|| RedisError::Odd {
        server: session.server(),
        command: "ROLE",
    })
}

fn read(answer: &Value) -> Option<Role> {
    match answer.list()? {
        [Value::Text(role), _, Value::List(replicas)] if role == "master" => Some(Role::Master {
            replicas: replicas.len(),
        }),
        [
            Value::Text(role),
            Value::Text(host),
            Value::Number(port),
            Value::Text(link),
            _,
        ] if role == "slave" => Some(Role::Replica {
            master: shown(&format!("{host}:{port}")),
            link: shown(link),
        }),
        [Value::Text(role), ..] => Some(Role::Other(shown(role))),
        _ => None,
    }
}

/// What is seen where `role` is as wanted, or what is not.
pub(super) fn judge(role: &Role, wanted: WantedRole) -> Result<String, String> {
    match (wanted, role) {
        (WantedRole::Master { min_replicas }, Role::Master { replicas }) => {
            if *replicas as u64 >= min_replicas {
                Ok(role.to_string())
            } else {
                Err(format!("{}, wanted {min_replicas}", online(*replicas)))
            }
        }
        (WantedRole::Replica, Role::Replica { link, .. }) if link == "connected" => {
            Ok(role.to_string())
        }
        (WantedRole::Replica, Role::Replica { master, link }) => Err(format!(
            "replication link to {master} is {link}, wanted connected"
        )),
        (WantedRole::Master { .. }, Role::Replica { .. }) => {
            Err("role is slave, wanted master".to_owned())
        }
        (WantedRole::Replica, Role::Master { .. }) => {
            Err("role is master, wanted replica".to_owned())
        }
        (WantedRole::Master { .. }, Role::Other(role)) => {
            Err(format!("role is {role}, wanted master"))
        }
        (WantedRole::Replica, Role::Other(role)) => Err(format!("role is {role}, wanted replica")),
    }
}

fn online(replicas: usize) -> String {
    match replicas {
        1 => "1 replica online".to_owned(),
        replicas => format!("{replicas} replicas online"),
    }
}
