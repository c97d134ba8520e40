//! A target that is acted upon, through its guard or without one, where tokens may be given twice.
//!
//! The guard's rule is the one of design §4, promise 3, and design §9, as `fence-guard` keeps it: an older token is
//! refused, and so is an equal one of anybody else. [`Target`] remembers beside it what really reached the target, in
//! the order in which it did, and the judge looks at that alone.

use ledger::AttemptOutcome;

use crate::{judge::Rule, scenario::Scenario, world::World};

/// A token and whose it is: the deployment and its candidate.
type Claim = (u64, String, u32);

/// What the guard and the target know.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Target {
    /// The newest that the guard has let in.
    admitted: Option<Claim>,
    /// The last that acted.
    acted: Option<Claim>,
    /// Two have acted under one token.
    pub(crate) twice: bool,
    /// An older token has acted after a newer one.
    pub(crate) returned: bool,
    /// The guard has refused somebody.
    pub(crate) refused: bool,
}

impl Target {
    /// The guard's rule.
    fn admits(&self, claim: &Claim) -> bool {
        self.admitted
            .as_ref()
            .is_none_or(|known| claim.0 > known.0 || claim == known)
    }

    fn act(&mut self, claim: Claim) {
        if let Some(last) = &self.acted {
            self.twice |= claim.0 == last.0 && claim != *last;
            self.returned |= claim.0 < last.0;
        }
        self.acted = Some(claim);
    }
}

impl World {
    /// What a command does to its target, when it begins and as the last thing before it ends by itself; its guard's
    /// refusal makes it fail at once.
    pub(crate) fn act(&mut self, scenario: &Scenario, who: usize) {
        if !scenario.guarded && !scenario.can_forget() {
            return;
        }
        let (Some(config), Some(tree)) = (scenario.candidate(who), &self.hosts[who].tree) else {
            return;
        };
        let number = config.me.candidate;
        let claim = (tree.token, config.deployment.id.clone(), number);
        if scenario.guarded && !self.judge.target.admits(&claim) {
            self.say(|| format!("the guard refuses {} {claim:?}", scenario.label(who)));
            self.judge.target.refused = true;
            let now = self.now;
            if let Some(tree) = &mut self.host_mut(who).tree {
                tree.ends = tree.ends.min(now + Scenario::SOON);
                tree.outcome = AttemptOutcome::ExitCode;
            }
            return;
        }
        self.judge.target.admitted = Some(claim.clone());
        self.judge.target.act(claim);
        let target = &self.judge.target;
        if scenario.guarded && (target.twice || target.returned) {
            self.judge.broken(Rule::Guarded);
        }
    }
}
