//! How the guard ends: the contract with whoever calls it over ssh (design §8, where it fits).

/// The codes that are the guard's own. A command that ends with one of them is reported as [`Exit::COMMAND_FAILED`], so that
/// they mean what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// All is well: the command succeeded, or the step was done before.
    pub(crate) const DONE: Exit = Exit(0);
    /// The command failed with a code that is reserved.
    pub(crate) const COMMAND_FAILED: Exit = Exit(1);
    /// An option is wrong; nothing was done (`EX_USAGE` of sysexits.h).
    pub(crate) const WRONG_OPTION: Exit = Exit(64);
    /// This host does not let the guard work: the disk, the lock, a process (`EX_UNAVAILABLE`).
    pub(crate) const UNAVAILABLE: Exit = Exit(69);
    /// Refused: the command did not run, or was ended because a newer token came (`EX_NOPERM`).
    pub(crate) const REFUSED: Exit = Exit(77);
    /// The program could not be executed, as a shell says it.
    pub(crate) const NOT_EXECUTABLE: Exit = Exit(126);
    /// The program was not found, as a shell says it.
    pub(crate) const NOT_FOUND: Exit = Exit(127);

    /// Whether a command may not end with it.
    pub(crate) fn is_reserved(self) -> bool {
        [Self::WRONG_OPTION, Self::UNAVAILABLE, Self::REFUSED].contains(&self)
    }

    /// Of a command that a signal ended.
    pub(crate) fn of_signal(signal: i32) -> Exit {
        Exit(u8::try_from(signal).map_or(u8::MAX, |signal| 128_u8.saturating_add(signal)))
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_by_signal_is_128_and_its_number() {
        assert_eq!(Exit::of_signal(15), Exit(143));
        assert_eq!(Exit::of_signal(64), Exit(192));
    }

    #[test]
    fn a_refusal_is_no_commands_code() {
        assert!(Exit::REFUSED.is_reserved());
        assert!(!Exit(1).is_reserved() && !Exit::NOT_FOUND.is_reserved());
    }
}
