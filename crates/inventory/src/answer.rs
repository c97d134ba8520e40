//! The JSON of `ansible-inventory --list`: groups with `hosts` and `children`, and `_meta.hostvars`.
//!
//! Read as a stream, so that only what decides about a host is kept: an answer holds every variable of every host.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    address,
    inventory::Host,
    value::{Value, Variable, Variables},
};

/// What was answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    groups: Vec<(String, Group)>,
    hosts: HashMap<String, HostVariables>,
}

#[derive(Debug, Default, Deserialize)]
struct Group {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Meta {
    #[serde(default)]
    hostvars: HashMap<String, HostVariables>,
}

#[derive(Debug, Default)]
struct HostVariables(Variables);

/// Reads the answer.
pub(crate) fn read(json: &[u8]) -> Result<Answer, serde_json::Error> {
    serde_json::from_slice(json)
}

impl Answer {
    /// Its hosts, each once.
    pub(crate) fn into_hosts(self) -> Vec<Host> {
        let mut parents: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut direct: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut order = Vec::new();
        for (name, group) in &self.groups {
            for child in &group.children {
                parents.entry(child).or_default().push(name);
            }
            for host in &group.hosts {
                let groups = direct.entry(host).or_default();
                if groups.is_empty() {
                    order.push(host.as_str());
                }
                groups.push(name);
            }
        }
        // A host without a group has a place here only.
        let mut alone: Vec<&str> = self
            .hosts
            .keys()
            .map(String::as_str)
            .filter(|host| !direct.contains_key(host))
            .collect();
        alone.sort_unstable();
        order.extend(alone);

        let nothing = HostVariables::default();
        order
            .into_iter()
            .map(|name| {
                let mut next = direct.get(name).cloned().unwrap_or_default();
                let mut seen: HashSet<&str> = next.iter().copied().collect();
                while let Some(group) = next.pop() {
                    let above = parents.get(group).into_iter().flatten();
                    next.extend(above.filter(|parent| seen.insert(parent)));
                }
                seen.remove("all");
                let mut groups: Vec<String> = seen.into_iter().map(str::to_owned).collect();
                groups.sort_unstable();
                let variables = self.hosts.get(name).unwrap_or(&nothing);
                Host {
                    name: name.to_owned(),
                    address: address::decide(name, &variables.0),
                    groups,
                }
            })
            .collect()
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Answer, D::Error> {
        struct Groups;
        impl<'de> Visitor<'de> for Groups {
            type Value = Answer;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("groups by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Answer, M::Error> {
                let mut answer = Answer::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "_meta" {
                        answer.hosts = map.next_value::<Meta>()?.hostvars;
                    } else {
                        answer.groups.push((name, map.next_value()?));
                    }
                }
                Ok(answer)
            }
        }
        from.deserialize_map(Groups)
    }
}

impl<'de> Deserialize<'de> for HostVariables {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<HostVariables, D::Error> {
        struct Relevant;
        impl<'de> Visitor<'de> for Relevant {
            type Value = HostVariables;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("variables by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<HostVariables, M::Error> {
                let mut variables = Variables::new();
                while let Some(name) = map.next_key::<String>()? {
                    match Variable::named(&name) {
                        Some(variable) => {
                            variables.insert(variable, value(map.next_value()?));
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(HostVariables(variables))
            }
        }
        from.deserialize_map(Relevant)
    }
}

fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Other("a number with a fraction, or too large"),
        },
        serde_json::Value::Bool(_) => Value::Other("a truth value"),
        serde_json::Value::Array(_) => Value::Other("a list"),
        // How Ansible writes what is encrypted, and what must not be filled in.
        serde_json::Value::Object(object) => match object.get("__ansible_unsafe") {
            Some(serde_json::Value::String(text)) => Value::Text(text.clone()),
            _ if object.contains_key("__ansible_vault") => {
                Value::Vault("in the inventory".to_owned())
            }
            _ => Value::Other("a mapping"),
        },
    }
}
