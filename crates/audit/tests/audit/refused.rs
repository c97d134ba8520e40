//! Entries that Loki refuses for good, among others: a server that refuses what a test says.

use audit::{LokiError, Pushed};
use ledger::Entry;
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use crate::{
    entries::chain,
    loki::{bodies, ids, push},
};

/// What a distributor says of a line beyond `limits_config.max_line_size`.
const TOO_LONG: &str = "max entry size '262144' bytes exceeded for stream '{environment=\"production\"}' while adding an entry with length '270000' bytes";

/// A Loki that refuses every request with an entry of which `refuses` holds.
async fn refusing(refuses: fn(u64) -> bool) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(move |request: &Request| {
            let body: Value = request.body_json().expect("JSON");
            if ids(&body).into_iter().any(refuses) {
                ResponseTemplate::new(400).set_body_string(TOO_LONG)
            } else {
                ResponseTemplate::new(204)
            }
        })
        .mount(&server)
        .await;
    server
}

/// What `push` came to, and the entries of every request.
async fn pushed(
    refuses: fn(u64) -> bool,
    entries: &[Entry],
) -> (Result<Pushed, LokiError>, Vec<Vec<u64>>) {
    let server = refusing(refuses).await;
    let came = push(&server, entries).await;
    (came, bodies(&server).await.iter().map(ids).collect())
}

#[tokio::test]
async fn an_entry_that_loki_refuses_for_good_holds_no_other_back() {
    let (came, requests) = pushed(|id| id == 700 || id == 1500, &chain(2500)).await;
    let came = came.expect("pushed");
    assert_eq!((came.accepted, came.late), (2498, 0));
    assert_eq!(came.refused, [700, 1500]);
    let because = came.refused_because.expect("told");
    assert!(because.starts_with("max entry size"), "{because}");
    assert!(requests.len() <= 50, "{}", requests.len());
    let taken: Vec<u64> = requests
        .into_iter()
        .filter(|ids| !ids.contains(&700) && !ids.contains(&1500))
        .flatten()
        .collect();
    let wanted: Vec<u64> = (1..=2500).filter(|id| *id != 700 && *id != 1500).collect();
    assert_eq!(taken, wanted, "each once, in the chain's order");
}

#[tokio::test]
async fn where_the_first_few_are_all_refused_loki_is_at_fault_and_asked_no_further() {
    let (came, requests) = pushed(|_| true, &chain(2500)).await;
    let error = came.expect_err("refused");
    assert!(matches!(error, LokiError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("max entry size"), "{error}");
    assert!(requests.len() <= 20, "{}", requests.len());
}

#[tokio::test]
async fn where_all_of_a_few_are_refused_it_is_an_error_and_not_a_flaw() {
    for count in [1, 2, 4] {
        let (came, _) = pushed(|_| true, &chain(count)).await;
        let error = came.expect_err("refused");
        assert!(matches!(error, LokiError::Refused { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_few_refused_ones_at_the_beginning_hold_nothing_back() {
    let (came, _) = pushed(|id| id <= 4, &chain(5)).await;
    let came = came.expect("pushed");
    assert_eq!((came.accepted, came.refused), (1, vec![1, 2, 3, 4]));
}

#[tokio::test]
async fn very_many_refused_ones_cost_a_bounded_number_of_requests() {
    let (came, requests) = pushed(|id| id > 1000, &chain(5000)).await;
    let came = came.expect("pushed");
    assert_eq!(came.accepted, 1000);
    assert_eq!(came.refused, (1001..=5000).collect::<Vec<u64>>());
    assert!(requests.len() <= 150, "{}", requests.len());
}
