//! The environment a program was started with, taken once.
//!
//! Not responsible for the meaning of any variable.

use std::{collections::BTreeMap, ffi::OsString, fmt};

/// A snapshot of environment variables. Its `Debug` form shows names only: values may be secret.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    not_unicode: Vec<String>,
}

impl Environment {
    /// The variables of this process. To be called once, at the start of `main`.
    pub fn of_process() -> Self {
        Self::from_os(std::env::vars_os())
    }

    /// The variables in `pairs`. A value that is not UTF-8 counts as unset and is named by
    /// [`Environment::is_not_unicode`]; a name that is not UTF-8 cannot be one of ours and is dropped.
    pub fn from_os(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    environment.values.insert(name, value);
                }
                Err(_) => environment.not_unicode.push(name),
            }
        }
        environment
    }

    /// The value as it stands, also when it is empty.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value without surrounding white space; `None` where nothing is left of it: empty equals unset (design §8).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Every variable that is UTF-8, by name. To choose from for another program's environment, never to be shown.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the variable is set to something that is not UTF-8.
    pub fn is_not_unicode(&self, name: &str) -> bool {
        self.not_unicode.iter().any(|other| other == name)
    }

    /// Sets a variable where it is unset or empty. A later step fills in this way what an earlier one left in the
    /// candidate file, so that the workflow need not repeat it (design §8).
    pub fn set_where_unset(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        if self.get(&name).is_none() && !self.is_not_unicode(&name) {
            self.values.insert(name, value.into());
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self {
            values: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            not_unicode: Vec::new(),
        }
    }
}

impl<N: Into<String>, V: Into<String>, const COUNT: usize> From<[(N, V); COUNT]> for Environment {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.values.keys().chain(&self.not_unicode))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_blank_values_equal_unset() {
        let environment = Environment::from([("A", ""), ("B", " \t\n"), ("C", " x ")]);
        assert_eq!(environment.get("A"), None);
        assert_eq!(environment.get("B"), None);
        assert_eq!(environment.get("C"), Some("x"));
        assert_eq!(environment.raw("C"), Some(" x "));
    }

    #[test]
    fn a_value_that_is_set_is_not_replaced() {
        let mut environment = Environment::from([("A", "1"), ("B", "")]);
        environment.set_where_unset("A", "2");
        environment.set_where_unset("B", "2");
        assert_eq!(environment.get("A"), Some("1"));
        assert_eq!(environment.get("B"), Some("2"));
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let environment = Environment::from([("INPUT_TOKEN", "canary-7f3a")]);
        let shown = format!("{environment:?}");
        assert!(
            shown.contains("INPUT_TOKEN") && !shown.contains("canary"),
            "{shown}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf8_is_told_apart_from_an_unset_one() {
        use std::os::unix::ffi::OsStringExt;
        let pair = (
            OsString::from("INPUT_RUN"),
            OsString::from_vec(vec![b'e', 0xff]),
        );
        let environment = Environment::from_os([pair]);
        assert_eq!(environment.get("INPUT_RUN"), None);
        assert!(environment.is_not_unicode("INPUT_RUN"));
    }
}
