//! Which stream an entry goes to.

use audit::{Loki, Origin};
use ledger::Entry;
use wiremock::ResponseTemplate;

use crate::{
    entries::{chain, entry, every_event, origin},
    loki::{answering, bodies, ids, options, push, soon},
};

#[tokio::test]
async fn each_kind_of_event_is_pushed_alone_since_loki_tells_of_one_stream_only() {
    let server = answering(ResponseTemplate::new(204)).await;
    let entries: Vec<Entry> = every_event()
        .into_iter()
        .chain(every_event())
        .zip(1..)
        .map(|(event, seq)| entry(seq, event))
        .collect();
    let pushed = push(&server, &entries).await.expect("pushed");
    assert_eq!(pushed.accepted, entries.len());
    let kinds = every_event().len() as u64;
    let seen: Vec<Vec<u64>> = bodies(&server).await.iter().map(ids).collect();
    let wanted: Vec<Vec<u64>> = (1..=kinds).map(|seq| vec![seq, seq + kinds]).collect();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn what_is_pushed_depends_on_the_entries_and_not_on_who_ships_them() {
    let server = answering(ResponseTemplate::new(204)).await;
    let loki = Loki::new(options(&server.uri())).expect("a client");
    let elsewhere = Origin {
        environment: "staging".to_owned(),
        repository: String::new(),
        ..origin()
    };
    for origin in [origin(), elsewhere] {
        loki.push(&chain(2), &origin, soon()).await.expect("pushed");
    }
    let sent = bodies(&server).await;
    assert_eq!(sent[0], sent[1]);
    // One environment's entries are no other's stream.
    let mut both = chain(2);
    both[1].deployment.environment = "staging".to_owned();
    loki.push(&both, &origin(), soon()).await.expect("pushed");
    let sent = bodies(&server).await;
    assert_eq!(
        sent[3]["streams"][0]["stream"]["environment"], "staging",
        "{sent:?}"
    );
}
