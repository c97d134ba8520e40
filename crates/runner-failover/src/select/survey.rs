//! What GitHub and Prometheus say of the runners.
//!
//! Responsible for asking, and for keeping an answer apart from the lack of one: whoever could not be asked has said
//! nothing about any runner (design §11). Not responsible for what follows.

use std::{collections::BTreeMap, time::Duration};

use github::{Client, ClientOptions, GitHubError, Runner};
use probes::prometheus::{Answered, Prometheus, Sample};
use tokio::time::Instant;

use crate::config::SelectMode;

/// How long Prometheus may take over one question.
const PROMETHEUS_WITHIN: Duration = Duration::from_secs(5);

/// The oldest value that says how a runner is *now*: two scrapes of a minute, the longest usual distance.
const FRESH: f64 = 120.0;

/// How many runners one query asks about: an address of some 8,000 bytes is the most that servers commonly take.
const NAMES: usize = 50;

/// How many groups an error lists.
const GROUPS: usize = 10;

/// Everything that was said.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) runners: Vec<Runner>,
    /// Why there may be runners that were not seen.
    pub(crate) blind: Option<String>,
    /// What a person should know of how the runners were found.
    pub(crate) notes: Vec<String>,
    /// By a runner's name; nothing where no Prometheus was asked.
    pub(crate) health: Option<BTreeMap<String, Health>>,
}

/// What Prometheus says of a runner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// `runner_status` is 1.
    Healthy,
    /// It is something else.
    Unhealthy(f64),
    /// It does not say: why.
    Unknown(String),
}

/// Asks.
pub(crate) async fn take(mode: &SelectMode) -> Survey {
    let client = match Client::new(ClientOptions::new(&mode.api_url, mode.token.clone())) {
        Ok(client) => client,
        Err(error) => return blind(&error),
    };
    let owner = &mode.repository.owner;
    let mut survey = match &mode.sides.group {
        Some(group) => of_group(&client, owner, group).await,
        None => of_repository(&client, owner, &mode.repository.name).await,
    };
    survey.runners.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(prometheus) = &mode.prometheus {
        let names: Vec<&str> = survey
            .runners
            .iter()
            .filter(|runner| mode.sides.side_of(runner).is_some())
            .map(|runner| runner.name.as_str())
            .collect();
        survey.health = Some(health(prometheus, &names).await);
    }
    survey
}

fn blind(error: &GitHubError) -> Survey {
    Survey {
        blind: Some(format!("failed to {error}")),
        ..Survey::default()
    }
}

/// The repository's own runners and those of its organisation, of whatever group.
async fn of_repository(client: &Client, owner: &str, repo: &str) -> Survey {
    let (own, shared) = tokio::join!(
        client.repository_runners(owner, repo, None),
        client.organisation_runners(owner, None)
    );
    let mut survey = match own {
        Ok(runners) => Survey {
            runners,
            ..Survey::default()
        },
        Err(error) => blind(&error),
    };
    match shared {
        Ok(runners) => survey.runners.extend(runners),
        // An account of a person has none, and answers in no other way.
        Err(GitHubError::NotFound { .. }) => survey.notes.push(format!(
            "{owner} has no runners for its organisation, or the token may not see them \
             (`organization_self_hosted_runners: read`)"
        )),
        Err(error) => {
            survey
                .blind
                .get_or_insert_with(|| format!("failed to {error}"));
        }
    }
    survey
}

/// The runners of one group.
async fn of_group(client: &Client, org: &str, name: &str) -> Survey {
    let groups = match client.runner_groups(org).await {
        Ok(groups) => groups,
        Err(error) => return blind(&error),
    };
    let Some(group) = groups.iter().find(|group| group.name == name) else {
        let known: Vec<&str> = groups
            .iter()
            .take(GROUPS)
            .map(|group| group.name.as_str())
            .collect();
        return Survey {
            notes: vec![format!(
                "{org} has no runner group called {name}; of its {} groups: {}",
                groups.len(),
                known.join(", ")
            )],
            ..Survey::default()
        };
    };
    match client.group_runners(org, group.id).await {
        Ok(runners) => Survey {
            runners,
            ..Survey::default()
        },
        Err(error) => blind(&error),
    }
}

async fn health(prometheus: &Prometheus, names: &[&str]) -> BTreeMap<String, Health> {
    let deadline = Instant::now() + PROMETHEUS_WITHIN;
    let mut all = BTreeMap::new();
    for names in names.chunks(NAMES) {
        let selector = selector(names);
        let (values, ages) = tokio::join!(
            prometheus.query(&selector, deadline),
            prometheus.ages(&selector, deadline)
        );
        for name in names {
            let health = match (&values, &ages) {
                (Ok(values), Ok(ages)) => read(name, values, ages),
                (Err(error), _) | (_, Err(error)) => Health::Unknown(format!("failed to {error}")),
            };
            all.insert((*name).to_owned(), health);
        }
    }
    all
}

/// `runner_status{runner=~"runner-a|runner-b"}`: an anchored RE2 pattern in a text of PromQL
/// (<https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors>), so that every sign of a
/// name but letters, digits and `_` is escaped twice.
fn selector(names: &[&str]) -> String {
    let mut pattern = String::new();
    for (position, name) in names.iter().enumerate() {
        if position > 0 {
            pattern.push('|');
        }
        for letter in name.chars() {
            if letter.is_ascii() && !letter.is_ascii_alphanumeric() && letter != '_' {
                pattern.push_str("\\\\");
                // The text's own quote needs a backslash of its own.
                if matches!(letter, '"' | '\\') {
                    pattern.push('\\');
                }
            }
            pattern.push(letter);
        }
    }
    format!("runner_status{{runner=~\"{pattern}\"}}")
}

fn read(name: &str, values: &Answered, ages: &Answered) -> Health {
    let of = |answered: &Answered| -> Vec<f64> {
        let is_its = |sample: &&Sample| sample.labels.get("runner").is_some_and(|r| r == name);
        answered
            .samples
            .iter()
            .filter(is_its)
            .map(|sample| sample.value)
            .collect()
    };
    match (of(values).as_slice(), of(ages).as_slice()) {
        ([], _) => Health::Unknown("no series: it is not scraped, or no longer".to_owned()),
        ([_, _, ..], _) => {
            Health::Unknown(format!("{} series where one was wanted", of(values).len()))
        }
        ([value], _) if value.is_nan() => Health::Unknown("NaN".to_owned()),
        ([_], [age]) if *age > FRESH => {
            Health::Unknown(format!("the last value is {age:.0} s old"))
        }
        ([value], [_]) if (*value - 1.0).abs() < f64::EPSILON => Health::Healthy,
        ([value], [_]) => Health::Unhealthy(*value),
        ([_], _) => Health::Unknown("the age of its value is unclear".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(samples: &[(&str, f64)]) -> Answered {
        let sample = |(name, value): &(&str, f64)| Sample {
            labels: BTreeMap::from([("runner".to_owned(), (*name).to_owned())]),
            value: *value,
            evaluated_at: 0.0,
        };
        Answered {
            samples: samples.iter().map(sample).collect(),
            warnings: Vec::new(),
        }
    }

    fn is_unknown(values: &[(&str, f64)], ages: &[(&str, f64)]) -> bool {
        matches!(
            read("a", &answered(values), &answered(ages)),
            Health::Unknown(_)
        )
    }

    #[test]
    fn one_fresh_value_says_how_a_runner_is() {
        let ages = answered(&[("a", 3.0), ("b", 900.0)]);
        let of_a = |value| read("a", &answered(&[("b", 0.5), ("a", value)]), &ages);
        assert_eq!(of_a(1.0), Health::Healthy);
        assert_eq!(of_a(0.0), Health::Unhealthy(0.0));
        assert_eq!(of_a(2.0), Health::Unhealthy(2.0));
    }

    #[test]
    fn no_series_two_series_nan_and_an_old_value_say_nothing() {
        assert!(is_unknown(&[], &[]));
        assert!(is_unknown(&[("b", 1.0)], &[("b", 1.0)]));
        assert!(is_unknown(&[("a", 1.0), ("a", 1.0)], &[("a", 1.0)]));
        assert!(is_unknown(&[("a", f64::NAN)], &[("a", 1.0)]));
        assert!(is_unknown(&[("a", 1.0)], &[("a", 121.0)]));
        assert!(is_unknown(&[("a", 1.0)], &[]));
    }

    #[test]
    fn no_name_of_a_runner_leaves_its_place_in_the_query() {
        assert_eq!(
            selector(&["prod-a", "b_2.x"]),
            r#"runner_status{runner=~"prod\\-a|b_2\\.x"}"#
        );
        assert_eq!(
            selector(&[r#"a"}or\"#]),
            r#"runner_status{runner=~"a\\\"\\}or\\\\"}"#
        );
    }
}
