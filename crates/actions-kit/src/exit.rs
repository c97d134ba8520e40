//! Exit codes: the public contract between the actions and whoever calls them (design §8).
//!
//! Not responsible for which code an action uses when: its [`Table`](crate::Table) says so.

use std::fmt;

/// How an action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExitCode {
    /// 0: all is well. A standby that had nothing to do, and a deployment that was superseded, end with it too.
    Success,
    /// 1: what was judged failed.
    Failed,
    /// 1 to 7: preflight checks failed; the lowest group that has a failure.
    Group(CheckGroup),
    /// 3: the deployment is held until a person resolves it.
    Held,
    /// 64: an input is wrong; nothing was done (`EX_USAGE` of sysexits.h).
    WrongInput,
    /// 69: a service that is needed (the store, GitHub) is out of reach (`EX_UNAVAILABLE` of sysexits.h).
    ServiceUnavailable,
    /// 75: the time in the queue is used up; trying again later may work (`EX_TEMPFAIL` of sysexits.h).
    QueueTimeout,
    /// 130: cancelled by SIGINT (128 + 2).
    Interrupted,
    /// 143: cancelled by SIGTERM (128 + 15).
    Terminated,
}

/// The number of a group of preflight checks, 1 to 7 (the table of preflight in design §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckGroup(u8);

impl CheckGroup {
    /// The lowest group number.
    pub const FIRST: u8 = 1;
    /// The highest group number.
    pub const LAST: u8 = 7;

    /// The group, where `number` is within 1 to 7.
    pub const fn new(number: u8) -> Option<Self> {
        if number >= Self::FIRST && number <= Self::LAST {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The group's number, which is its exit code.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl ExitCode {
    /// The number that the process ends with.
    pub const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Group(group) => group.number(),
            Self::Held => 3,
            Self::WrongInput => 64,
            Self::ServiceUnavailable => 69,
            Self::QueueTimeout => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_number_that_the_documentation_promises() {
        let promised = [
            (ExitCode::Success, 0),
            (ExitCode::Failed, 1),
            (ExitCode::Held, 3),
            (ExitCode::WrongInput, 64),
            (ExitCode::ServiceUnavailable, 69),
            (ExitCode::QueueTimeout, 75),
            (ExitCode::Interrupted, 130),
            (ExitCode::Terminated, 143),
        ];
        for (code, number) in promised {
            assert_eq!(code.number(), number, "{code:?}");
        }
    }

    #[test]
    fn a_group_outside_one_to_seven_does_not_exist() {
        assert_eq!(CheckGroup::new(0), None);
        assert_eq!(CheckGroup::new(8), None);
        for number in 1..=7 {
            let group = CheckGroup::new(number).expect("a group");
            assert_eq!(ExitCode::Group(group).number(), number);
        }
    }
}
