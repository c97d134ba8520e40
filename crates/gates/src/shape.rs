//! The keys that a mapping in a file of gates may have: the one source of its parser, of its JSON Schema and of the tables
//! in the documentation.

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written: `min-replicas`.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What holds where it is not there, as a person would write it; for the schema and the documentation, and parsed
    /// by the reader like any other value.
    pub default: Option<&'static str>,
    /// One line for people, Markdown, without its end.
    pub help: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text; a number or truth value is taken as it is written.
    Text,
    /// Text that is taken as it stands, without filling in variables: a script, whose shell has them in its environment.
    /// Filled in, a secret would stand in the shell's arguments, which every user of the machine may read.
    Script,
    /// Text of which no part may be shown: a password, a header, a body.
    Secret,
    /// An address: shown, except for its password and its query.
    Address,
    /// `1s`, `5m`, `1h30m`, or plain seconds.
    Duration,
    /// A whole number, this or larger.
    Count {
        /// The smallest.
        least: u64,
    },
    /// Any number.
    Number,
    /// `90`, `90%`: between 0 and 100.
    Percent,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any YAML value, as JSON.
    Json,
    /// Several; one alone is a list of one.
    List(&'static Shape),
    /// Names that the writer chooses, each with a value.
    Map(&'static Shape),
    /// A mapping of known keys.
    Object(&'static [Key]),
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, shape: Shape, help: &'static str) -> Key {
        Key {
            name,
            shape,
            required: false,
            default: None,
            help,
        }
    }

    /// The key, which must be there.
    pub const fn required(mut self) -> Key {
        self.required = true;
        self
    }

    /// Several tables as one; `N` is the sum of their lengths, which the compiler proves for a constant.
    pub const fn joined<const N: usize>(tables: &[&[Key]]) -> [Key; N] {
        let mut all = [Key::new("", Shape::Text, ""); N];
        let mut filled = 0;
        let mut table = 0;
        while table < tables.len() {
            let mut key = 0;
            while key < tables[table].len() {
                all[filled] = tables[table][key];
                filled += 1;
                key += 1;
            }
            table += 1;
        }
        assert!(filled == N, "N is the sum of the tables' lengths");
        all
    }

    /// The key with what holds where it is not there.
    pub const fn with_default(mut self, default: &'static str) -> Key {
        self.default = Some(default);
        self
    }
}

impl Shape {
    /// The keys of the mappings in it, where it holds any.
    pub fn keys(&self) -> Option<&'static [Key]> {
        match self {
            Shape::Object(keys) => Some(keys),
            Shape::List(inner) | Shape::Map(inner) => inner.keys(),
            _ => None,
        }
    }

    /// What should stand there, for people: `a duration`.
    pub fn wanted(&self) -> String {
        match self {
            Shape::Text | Shape::Script | Shape::Secret => String::from("a text"),
            Shape::Address => String::from("an address"),
            Shape::Duration => String::from("a duration such as `30s`"),
            Shape::Count { least } => format!("a whole number, {least} or larger"),
            Shape::Number => String::from("a number"),
            Shape::Percent => String::from("a percentage"),
            Shape::Flag => String::from("`true` or `false`"),
            Shape::Choice(words) => words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", "),
            Shape::Json => String::from("a value"),
            Shape::List(inner) => format!("{}, or a list of such", inner.wanted()),
            Shape::Map(_) => String::from("a mapping"),
            Shape::Object(keys) => {
                let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
                format!("a mapping with {}", names.join(", "))
            }
        }
    }
}
