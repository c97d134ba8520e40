//! Whoever is told by HTTP: a chat room's webhook, or the receiver of an Alertmanager.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use baton_tests::patience;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use crate::SOON;

/// Takes every request down, and answers as it is told.
pub(crate) struct Room {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

struct State {
    heard: Vec<Value>,
    status: u16,
    /// The answer takes so long, after the request was taken down.
    after: Duration,
}

struct Answering(Arc<Mutex<State>>);

impl Room {
    /// One that answers 200 at once.
    pub(crate) fn open() -> Room {
        let state = Arc::new(Mutex::new(State {
            heard: Vec::new(),
            status: 200,
            after: Duration::ZERO,
        }));
        let answering = Answering(Arc::clone(&state));
        let server = serving(answering);
        Room { server, state }
    }

    /// Its address, whose path is a secret.
    pub(crate) fn url(&self) -> String {
        format!(
            "{}/services/T0canary1/B0canary2/roomcanary77",
            self.server.uri()
        )
    }

    pub(crate) fn answers(&self, status: u16) {
        self.state.lock().unwrap().status = status;
    }

    pub(crate) fn answers_after(&self, time: Duration) {
        self.state.lock().unwrap().after = time;
    }

    /// The bodies, in the order they came.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.state.lock().unwrap().heard.clone()
    }

    /// Waits until it has heard so many, and returns the last of them.
    pub(crate) fn hears(&self, number: usize, within: Duration) -> Value {
        patience::until(within, format!("{number} calls"), || {
            self.heard().get(number - 1).cloned()
        })
    }

    /// The only one that it has heard.
    #[track_caller]
    pub(crate) fn heard_once(&self) -> Value {
        let [one] = <[Value; 1]>::try_from(self.heard()).unwrap();
        one
    }

    /// Of an Alertmanager's calls: status and alert, one by one.
    pub(crate) fn alerts(&self) -> Vec<(String, Value)> {
        let of_call = |call: Value| call["alerts"].as_array().cloned().unwrap_or_default();
        self.heard()
            .into_iter()
            .flat_map(of_call)
            .map(|alert| (alert["status"].as_str().unwrap().to_owned(), alert))
            .collect()
    }

    /// Waits until an Alertmanager has called with these statuses.
    #[track_caller]
    pub(crate) fn is_told(&self, statuses: &[&str]) -> Vec<Value> {
        patience::within_reach(SOON, || {
            (self.alerts().len() >= statuses.len()).then_some(())
        });
        let (seen, alerts): (Vec<String>, Vec<Value>) = self.alerts().into_iter().unzip();
        assert_eq!(seen, statuses);
        alerts
    }
}

impl Respond for Answering {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let body = request.body_json().unwrap_or(json!("no JSON"));
        state.heard.push(body);
        ResponseTemplate::new(state.status)
            .set_body_string("said the room")
            .set_delay(state.after)
    }
}

/// A server with one answer to everything.
pub(crate) fn serving(answering: impl Respond + 'static) -> MockServer {
    now(async {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(answering)
            .mount(&server)
            .await;
        server
    })
}

/// The servers run on threads of their own; only their start is awaited.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
