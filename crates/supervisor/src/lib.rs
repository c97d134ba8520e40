//! Runs the deploy command as a process tree that can be killed whole, and proves it dead.
//!
//! Responsible for design §4 rules 2 and 4 on one host, and for design §6: three kinds of processes watch each other.
//!
//! ```text
//! supervisor (this process) ──socket──► watchdog (own session) ──parent, subreaper──► bash ──► the tree
//! ```
//!
//! * The **watchdog** ([`become_watchdog_if_asked`]) is the parent and subreaper of the command's tree. It kills the
//!   tree at the deadline, and at once when the supervisor dies.
//! * The **supervisor** ([`Supervisor`]) feeds the deadline, streams the output, and kills the tree itself when the
//!   watchdog dies or falls silent. A thread of its own does that, so a busy caller does not weaken it.
//! * The **tree** is whatever the command starts. It is dead when no descendant is left, zombies included, and its
//!   cgroup (where there is one) is not populated.
//!
//! Not responsible for: who may run the command (the `lease` crate), retries and what an exit means (the binary), and
//! processes that are not descendants of the command, such as containers started through a daemon.
//!
//! What no local process can do: when supervisor and watchdog are killed in the same instant, only the command's top
//! process dies with them; when both are stopped, the tree dies as soon as one of them runs again.

pub mod boottime;
pub mod fork;
pub mod process;
pub mod reap;
pub mod signals;

mod cgroup;
mod command;
mod error;
mod event;
mod guard;
mod output;
mod supervisor;
mod tail;
mod takeover;
mod tree;
mod watchdog;
mod wire;

pub use cgroup::CgroupError;
pub use command::CommandSpec;
pub use error::SupervisorError;
pub use event::{Contained, Event, Exit, StartFailure, Survivor, WatchdogLoss};
pub use output::LineObserver;
pub use supervisor::{Containment, Options, Stop, Supervisor};
pub use watchdog::become_watchdog_if_asked;
