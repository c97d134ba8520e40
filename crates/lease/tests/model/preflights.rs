//! Candidates that a preflight finds unfit, or fit again, at any moment: before they begin, while they wait, while they
//! hold.

use lease::Timing;

use crate::{
    cast::{failed, fails, succeeded, taken_over, works},
    explore::explore,
    scenario::{Scenario, Strike},
    world::World,
};

/// A deployment fails for want of a fit candidate.
fn unfit(_: &Scenario, world: &World) -> bool {
    let deployments = &world.store.tip.deployments;
    deployments
        .iter()
        .any(|d| d.reason == Some(ledger::FailureReason::Preflight))
}

#[test]
fn whoever_is_found_unfit_never_claims_and_whoever_holds_is_left_alone() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        strikes: vec![
            Strike::Preflight { fit: false },
            Strike::Preflight { fit: true },
            Strike::Crash,
        ],
        faults: 3,
        sights: vec![
            ("nobody is fit", unfit),
            ("it succeeds", succeeded),
            ("it fails", failed),
            ("a standby takes over", taken_over),
        ],
        ..Scenario::new("preflights", timing)
            .candidates(1, 0, &[fails(1_500), works(1_500)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 149_000);
}
