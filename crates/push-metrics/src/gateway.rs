//! Both groups at the Pushgateway, with the newest totals and never with older ones.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use lease::store::Store;
use ledger::{Role, Timestamp, Tip};
use leg::Voice;
use metrics::{Gateway, GatewayError, Group, Moment, Subject};
use push_metrics::pushing::{Limits, News, Order, Pushing};
use supervisor::boottime;
use tokio::time::Instant;

use crate::{
    config::Config,
    reading::{self, Reading},
    telling::Place,
    tries::Tries,
};

/// The groups, in the order in which they are pushed.
const ROLES: [Role; 2] = [Role::Primary, Role::Secondary];

/// What does not change while this process pushes.
pub(crate) struct About {
    pub(crate) subject: Subject,
    /// When the figures are of; the same for every reading, so that readings with the same totals say the same.
    pub(crate) now: Timestamp,
    /// How many runs wait in GitHub's concurrency group, where that is known.
    pub(crate) waiting_at_github: Option<u64>,
}

impl About {
    /// What is known of `tip`.
    pub(crate) fn moment<'a>(&self, tip: &'a Tip) -> Moment<'a> {
        let at_the_lease = tip.queue_depth() as u64;
        Moment {
            tip,
            now: self.now,
            queue_depth: self.waiting_at_github.unwrap_or_default().max(at_the_lease),
        }
    }
}

/// What is pushed of one reading.
struct Texts([String; ROLES.len()]);

impl Texts {
    fn of(about: &About, tip: &Tip) -> Result<Texts, String> {
        let moment = about.moment(tip);
        let [one, other] = ROLES.map(|role| metrics::text(&moment, role));
        let texts = [one, other].map(|text| text.map_err(|error| error.to_string()));
        let [one, other] = texts;
        Ok(Texts([one?, other?]))
    }

    fn content(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

/// Pushes `first`, and what is newer by then.
pub(crate) async fn push(
    config: &Config,
    gateway: &Gateway,
    about: &About,
    store: &Arc<dyn Store>,
    first: &Reading,
    voice: &Voice,
) -> Place {
    let groups = ROLES.map(|role| Group {
        subject: about.subject.clone(),
        role,
    });
    let mut texts = match Texts::of(about, &first.snapshot.tip) {
        Ok(texts) => texts,
        Err(why) => return Place::failed("Pushgateway", why, false),
    };
    let mut given: Option<(Duration, u64)> = Some((first.asked_at, texts.content()));
    let mut pushing = Pushing::new(Limits::STEP, ROLES.len(), boottime::now());
    let mut tries = Tries::new("push the metrics", boottime::now());
    let mut trouble = Trouble::Late;
    let mut news = News::Tick;
    let mut pushes = 0_u32;
    loop {
        let left = pushing.ends_at().saturating_sub(boottime::now());
        let deadline = Instant::now() + left;
        let mut failed = |why: String, newest: Trouble| {
            tries.failed(&why);
            let may_pass = newest.may_pass();
            trouble = newest;
            News::Failed { may_pass }
        };
        news = match pushing.step(boottime::now(), news) {
            Order::Read => match given.take() {
                Some((asked_at, content)) => News::Read { asked_at, content },
                None => match tokio::time::timeout_at(deadline, reading::once(store)).await {
                    Ok(Ok(reading)) => match Texts::of(about, &reading.snapshot.tip) {
                        Ok(newer) => {
                            texts = newer;
                            News::Read {
                                asked_at: reading.asked_at,
                                content: texts.content(),
                            }
                        }
                        Err(why) => failed(why, Trouble::Push { may_pass: false }),
                    },
                    Ok(Err(error)) => {
                        let may_pass = error.is_passing();
                        failed(error.to_string(), Trouble::Store { may_pass })
                    }
                    Err(_) => failed(
                        "the ledger could not be read in time".to_owned(),
                        Trouble::Store { may_pass: true },
                    ),
                },
            },
            Order::Push(group) => {
                pushes += 1;
                let until = pushing.fresh_until();
                let still = move || boottime::now() <= until;
                let put = gateway.put_while(&groups[group], &texts.0[group], still, deadline);
                match put.await {
                    Ok(()) => News::Pushed,
                    Err(GatewayError::Outdated(error)) => {
                        voice.say(&format!("failed to {error}; reading the ledger again"));
                        News::Outdated
                    }
                    Err(error) => {
                        let may_pass = error.may_pass();
                        let why = format!("{error}{}", mend(config, &error));
                        failed(why, Trouble::Push { may_pass })
                    }
                }
            }
            Order::WaitUntil(at) => {
                if let Some(line) = tries.line() {
                    voice.say(&line);
                }
                tokio::time::sleep(at.saturating_sub(boottime::now())).await;
                News::Tick
            }
            Order::Done => {
                let place = gateway.place();
                return Place::reached("Pushgateway", format!("{place}, {pushes} pushes"));
            }
            Order::GivenUp => {
                let why = tries.told(boottime::now());
                return match trouble {
                    Trouble::Late => {
                        let why = "nothing was pushed in time".to_owned();
                        Place::failed("Pushgateway", why, true)
                    }
                    Trouble::Push { may_pass } => Place::failed("Pushgateway", why, may_pass),
                    Trouble::Store { may_pass } => Place::lost("Pushgateway", why, may_pass),
                };
            }
        };
    }
}

/// What stood in the way last.
enum Trouble {
    /// Nothing but the time.
    Late,
    /// The gateway, or what was to be pushed to it.
    Push { may_pass: bool },
    /// The ledger could not be read once more.
    Store { may_pass: bool },
}

impl Trouble {
    fn may_pass(&self) -> bool {
        match self {
            Trouble::Late => true,
            Trouble::Push { may_pass } | Trouble::Store { may_pass } => *may_pass,
        }
    }
}

/// Which input to look at.
fn mend(config: &Config, error: &GatewayError) -> &'static str {
    match error {
        GatewayError::Tls(_) => config.mend_of_tls(),
        GatewayError::NotPermitted { .. } => "; `pushgateway-auth` says who pushes",
        _ => "",
    }
}
