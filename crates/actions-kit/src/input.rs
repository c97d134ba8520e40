//! One row of an action's input table.
//!
//! Not responsible for reading values: see [`Table::parse`](crate::Table::parse).

use std::time::Duration;

/// What an input's text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; surrounding white space does not count.
    Text,
    /// A script or document that is kept to the letter; one of white space alone is unset.
    Verbatim,
    /// `true` or `false`, in any case.
    Bool,
    /// A duration (`30s`, `5m`, `1h30m`, plain seconds) within both bounds.
    Duration {
        /// The shortest that is allowed.
        min: Duration,
        /// The longest that is allowed.
        max: Duration,
    },
    /// A whole number within both bounds.
    Count {
        /// The lowest that is allowed.
        min: u32,
        /// The highest that is allowed.
        max: u32,
    },
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// Texts separated by commas or lines; empty ones are dropped.
    List,
    /// A pattern with `*`, `?` and `[…]`.
    Glob,
    /// A path, absolute or from the workspace.
    Path,
    /// A URL with one of these schemes (none listed: any scheme) and a host.
    Url(&'static [&'static str]),
}

impl Kind {
    /// A duration from nothing to a month.
    pub const DURATION: Self = Self::Duration {
        min: Duration::ZERO,
        max: Duration::from_secs(31 * 24 * 3600),
    };

    /// The word for a value of this kind in `--help`.
    pub(crate) const fn placeholder(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Verbatim => "script",
            Self::Bool => "true|false",
            Self::Duration { .. } => "duration",
            Self::Count { .. } => "number",
            Self::Choice(_) => "word",
            Self::List => "list",
            Self::Glob => "pattern",
            Self::Path => "path",
            Self::Url(_) => "url",
        }
    }
}

/// One input: a row of action.yml, of the README's table and of `--help`, and what the parser obeys (design §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name, kebab-case, as under `with:` and behind `--`.
    pub name: &'static str,
    /// What an unset input becomes. Also action.yml's default, unless there is an `expression`.
    pub default: Option<&'static str>,
    /// An expression that is action.yml's default, such as `${{ matrix.candidate }}`. GitHub evaluates it before the
    /// program starts; where it comes out empty, `default` holds.
    pub expression: Option<&'static str>,
    /// Whether action.yml is silent about `default`, so that a file of settings, or what an earlier step of the job left, can
    /// come between it and the workflow.
    pub undeclared: bool,
    /// Whether it must be set, in every mode it belongs to.
    pub required: bool,
    /// The modes it belongs to; empty means every mode.
    pub modes: &'static [&'static str],
    /// Whether the value must never be shown.
    pub secret: bool,
    /// What the text must be.
    pub kind: Kind,
    /// One sentence for people, in Markdown; also action.yml's description.
    pub help: &'static str,
}

impl Input {
    /// An optional input of every mode, without a default.
    pub const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            default: None,
            expression: None,
            undeclared: false,
            required: false,
            modes: &[],
            secret: false,
            kind,
            help,
        }
    }

    /// The same input with a default.
    #[must_use]
    pub const fn with_default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// The same input with an expression as action.yml's default.
    #[must_use]
    pub const fn with_expression(mut self, expression: &'static str) -> Self {
        self.expression = Some(expression);
        self
    }

    /// The same input with a default that action.yml does not declare: an input that action.yml fills in looks like
    /// one that the workflow set, and would win over a file of settings and over what an earlier step of the job left.
    #[must_use]
    pub const fn with_undeclared_default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self.undeclared = true;
        self
    }

    /// The same input, which must be set.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same input, which belongs to these modes alone.
    #[must_use]
    pub const fn in_modes(mut self, modes: &'static [&'static str]) -> Self {
        self.modes = modes;
        self
    }

    /// The same input, whose value must never be shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Whether the input means something in `mode` (`None`: an action without modes, or a mode that could not be read).
    pub fn belongs_to(&self, mode: Option<&str>) -> bool {
        mode.is_none_or(|mode| self.modes.is_empty() || self.modes.contains(&mode))
    }

    /// The variable that carries the input into the program: `INPUT_ATTEMPT_TIMEOUT` for `attempt-timeout`.
    pub fn variable(&self) -> String {
        format!("INPUT_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    /// What action.yml must have as its default; `None` where it needs none.
    pub fn declared_default(&self) -> Option<&'static str> {
        let default = if self.undeclared { None } else { self.default };
        self.expression.or(default)
    }
}
