//! What a ledger means that nothing stands in: nothing was ever deployed, or this step looks at the wrong place.

use std::fs;

use crate::{config::Config, telling::Place};

const ANOTHER: &str = "is `environment`, `lock-name` or `store` another than the deploy step's?";

/// What came of an empty ledger. A failure where something shows that it cannot be the right one: then the textfile
/// that stands there stays.
pub(crate) fn ledger(config: &Config, store: &str) -> Place {
    let whose = format!("the ledger under {} in {store} is empty", config.lock);
    if config.carried {
        let why = format!("{whose}, but this leg carried a deployment: {ANOTHER}");
        return Place::lost("ledger", why, false);
    }
    if let Some(path) = config
        .textfile
        .as_ref()
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| has_totals(&text)))
    {
        let why = format!(
            "{whose}, but {} holds totals, and was left as it is: {ANOTHER} Where the ledger was begun anew, remove the \
             file",
            path.display()
        );
        return Place::lost("ledger", why, false);
    }
    let what = format!("{whose}: nothing was ever deployed there, or {ANOTHER}");
    Place::flawed("ledger", what)
}

/// Whether a text for Prometheus has a sample of a counter.
fn has_totals(text: &str) -> bool {
    text.lines().any(|line| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        name.ends_with("_total")
    })
}

#[cfg(test)]
mod tests {
    use super::has_totals;

    #[test]
    fn a_sample_of_a_counter_is_told_from_its_description_and_from_a_gauge() {
        assert!(has_totals(
            "a 1\ndeployment_success_total{role=\"primary\"} 3\n"
        ));
        assert!(!has_totals(
            "# HELP deployment_success_total Deployments\n# TYPE deployment_success_total counter\ndeployment_queue_depth 0\n"
        ));
    }
}
