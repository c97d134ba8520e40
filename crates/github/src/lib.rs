//! GitHub's REST API, as far as baton asks it anything (design §3).
//!
//! Responsible for: requests that follow GitHub's published description to the letter, on github.com and on GitHub
//! Enterprise Server; answers in tolerant types of our own, so that a value GitHub adds tomorrow breaks nothing; and a
//! strict line between an answer and the lack of one ([`Unknown`]): a rate limit or a broken connection never reads as
//! "no" (design §11).
//!
//! Not responsible for: what follows from an answer. Nothing that GitHub says enters the lease's safety
//! (design §4 rule 7).

mod branch;
mod client;
mod concurrency;
mod environment;
mod error;
mod issue;
mod job;
mod moment;
mod pages;
mod queue;
mod rerun;
mod resource;
mod run;
mod runner;
mod secret;
mod token;
mod transport;

pub use branch::{Branch, BranchProtection, BranchRule};
pub use client::{Client, ClientOptions};
pub use concurrency::{ActiveGroup, ConcurrencyGroup, GroupMember, MemberStatus, Occupancy};
pub use environment::{
    Deployment, Environment, PendingDeployment, ProtectionRule, Review, ReviewState, Reviewer,
};
pub use error::{GitHubError, Unknown};
pub use issue::{Issue, IssueComment, IssueCreation, NewIssue};
pub use job::{Conclusion, Job, Status};
pub use queue::{Queue, QueuedRun};
pub use rerun::{OurJob, Rerun, Unclear, rerun_kind, runs_alone};
pub use run::{Cancel, Created, Run, RunFilter, RunStatus};
pub use runner::{Runner, RunnerGroup, RunnerStatus};
pub use secret::Secret;
pub use token::{InvalidToken, Token};
