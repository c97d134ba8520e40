//! `ref.allowed` and `branch.protected`: that what is deployed comes from where it may, and could not get there unseen.

use github::{BranchProtection, BranchRule, Client, GitHubError};
use glob::{MatchOptions, Pattern};

use super::unanswered;
use crate::{Finding, Part, Status};

/// `ref.allowed`: whether the branch or tag `git_ref` (`refs/heads/main`, `main`) matches one of `allowed`. As in GitHub's
/// own filters `*` does not match `/`, and `**` does
/// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet>). A tag
/// is `tags/v1`: whoever may push a tag called `main` must not get past the rules of the branch.
pub fn ref_allowed(git_ref: &str, allowed: &[Pattern]) -> Finding {
    let name = git_ref
        .strip_prefix("refs/heads/")
        .or_else(|| git_ref.strip_prefix("refs/"))
        .unwrap_or(git_ref);
    let patterns: Vec<&str> = allowed.iter().map(Pattern::as_str).collect();
    let wanted = format!("one of {}", patterns.join(", "));
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: false,
    };
    // A branch may be called `tags/v1` as well.
    let is_tag = git_ref.starts_with("refs/tags/");
    let mut of_its_kind = allowed
        .iter()
        .filter(|pattern| pattern.as_str().starts_with("tags/") == is_tag);
    if of_its_kind.any(|pattern| pattern.matches_with(name, options)) {
        return Finding::pass(name, wanted);
    }
    Finding::fail(
        if name.is_empty() { "no ref" } else { name },
        wanted,
        "run the workflow on an allowed branch, or allow this ref in `branches` (a tag as `tags/v*`)",
    )
}

/// What a branch's rules have to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// At least so many approvals of a pull request; 0: none.
    pub approvals: u64,
    /// At least one status check must have passed.
    pub status_checks: bool,
    /// Nobody may force push.
    pub no_force_push: bool,
}

/// What the classic protection came to, which the rulesets do not show.
enum Classic {
    /// It suffices without it, or GitHub is silent.
    NotAsked,
    /// There is none.
    Absent,
    /// This.
    Seen(BranchProtection),
    /// It cannot be seen.
    Hidden { why: String, mend: String },
}

/// What is known of a branch.
struct Protection {
    approvals: u64,
    checks: Vec<String>,
    no_force_push: bool,
    by_pull_request: bool,
}

/// `branch.protected`: whether the rules of `branch` ask for what is `wanted`, one part a rule. Rulesets first, which
/// every token may read. Only where they do not suffice the classic protection: with `admin` itself; without, whether
/// there is anything that a job's token cannot see. At most 2 requests.
pub async fn branch_protected(
    client: &Client,
    admin: Option<&Client>,
    owner: &str,
    repo: &str,
    branch: &str,
    wanted: Wanted,
) -> Finding {
    let rules = client.branch_rules(owner, repo, branch).await;
    let mut known = by_rulesets(rules.as_deref().unwrap_or_default());
    let rules_error = rules.err();
    let mut hidden = rules_error
        .as_ref()
        .map(|error| (format!("failed to {error}"), unanswered::mend(error)));
    // Who did not answer the one question would only take as long again over the next.
    let silent = matches!(&rules_error, Some(GitHubError::Unknown { .. }));
    let classic = if silent || known.suffices(wanted) {
        Classic::NotAsked
    } else {
        classic(client, admin, owner, repo, branch).await
    };
    match classic {
        Classic::Seen(protection) => known.add(&protection),
        Classic::Hidden { why, mend } => hidden = hidden.or(Some((why, mend))),
        Classic::NotAsked | Classic::Absent => {}
    }
    found(&known, hidden, branch, wanted)
}

async fn classic(
    client: &Client,
    admin: Option<&Client>,
    owner: &str,
    repo: &str,
    branch: &str,
) -> Classic {
    let hidden = |error: &GitHubError| Classic::Hidden {
        why: format!("failed to {error}"),
        mend: unanswered::mend(error),
    };
    if let Some(admin) = admin {
        return match admin.branch_protection(owner, repo, branch).await {
            Ok(Some(protection)) => Classic::Seen(protection),
            Ok(None) => Classic::Absent,
            Err(error) => hidden(&error),
        };
    }
    match client.branch(owner, repo, branch).await {
        Ok(branch) if branch.protected => Classic::Hidden {
            why: "the branch is protected, and a job's own token may not see how".to_owned(),
            mend: "give `admin-token` one with `administration: read`, or protect the branch by a ruleset, which every \
                   token may read"
                .to_owned(),
        },
        Ok(_) => Classic::Absent,
        Err(error) => hidden(&error),
    }
}

fn by_rulesets(rules: &[BranchRule]) -> Protection {
    let mut known = Protection {
        approvals: 0,
        checks: Vec::new(),
        no_force_push: false,
        by_pull_request: false,
    };
    for rule in rules {
        match rule {
            // Of several rules the strictest holds.
            BranchRule::PullRequest {
                required_approving_review_count: count,
            } => {
                known.by_pull_request = true;
                known.approvals = known.approvals.max(*count);
            }
            BranchRule::RequiredStatusChecks { contexts } => {
                known.checks.extend_from_slice(contexts)
            }
            BranchRule::NonFastForward => known.no_force_push = true,
            BranchRule::Deletion | BranchRule::Other(_) => {}
        }
    }
    known
}

impl Protection {
    fn add(&mut self, classic: &BranchProtection) {
        self.approvals = self.approvals.max(classic.required_approving_review_count);
        self.checks.extend_from_slice(&classic.status_checks);
        self.no_force_push |= !classic.allow_force_pushes;
    }

    fn suffices(&self, wanted: Wanted) -> bool {
        self.approvals >= wanted.approvals
            && (!wanted.status_checks || !self.checks.is_empty())
            && (!wanted.no_force_push || self.no_force_push)
    }
}

fn found(
    known: &Protection,
    hidden: Option<(String, String)>,
    branch: &str,
    wanted: Wanted,
) -> Finding {
    let part = |subject: String, holds: bool, seen: String, mend: &str| {
        let (status, seen, mend) = match (holds, &hidden) {
            (true, _) => (Status::Pass, seen, String::new()),
            // Why is said once, by the finding.
            (false, Some(_)) => (Status::Unknown, "not known".to_owned(), String::new()),
            (false, None) => (Status::Fail, seen, mend.to_owned()),
        };
        Part {
            subject,
            status,
            seen,
            mend,
        }
    };
    let mut parts = Vec::new();
    if wanted.approvals > 0 {
        let seen = match (known.approvals, known.by_pull_request) {
            (0, false) => "no rule asks for an approval".to_owned(),
            (count, _) => format!("{count} needed"),
        };
        parts.push(part(
            format!("{} approvals", wanted.approvals),
            known.approvals >= wanted.approvals,
            seen,
            "require a pull request with that many approvals, in a ruleset for the branch",
        ));
    }
    if wanted.status_checks {
        let seen = if known.checks.is_empty() {
            "no check has to pass".to_owned()
        } else {
            known.checks.join(", ")
        };
        parts.push(part(
            "passing checks".to_owned(),
            !known.checks.is_empty(),
            seen,
            "require status checks to pass, in a ruleset for the branch",
        ));
    }
    if wanted.no_force_push {
        let seen = if known.no_force_push {
            "forbidden"
        } else {
            "no rule forbids a force push"
        };
        parts.push(part(
            "no force push".to_owned(),
            known.no_force_push,
            seen.to_owned(),
            "block force pushes, in a ruleset for the branch",
        ));
    }
    let text = parts
        .iter()
        .map(|p| p.subject.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let open: Vec<&Part> = parts.iter().filter(|p| p.status != Status::Pass).collect();
    let names: Vec<&str> = open.iter().map(|p| p.subject.as_str()).collect();
    let finding = if open.iter().any(|p| p.status == Status::Fail) {
        Finding::fail(
            format!("{branch} is without: {}", names.join(", ")),
            text,
            "add a ruleset for the branch: required approvals, required status checks, block force pushes",
        )
    } else if let (false, Some((why, mend))) = (open.is_empty(), hidden) {
        Finding::unknown(
            format!("not known of {branch}: {}; {why}", names.join(", ")),
            text,
            mend,
        )
    } else {
        Finding::pass(format!("{branch} is protected"), text)
    };
    finding.with_parts(parts)
}
