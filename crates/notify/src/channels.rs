//! Every way side by side: one that fails or hangs holds up no other.

use actions_kit::Redactor;
use ledger::Channel;
use tokio::time::Instant;

use crate::{
    Link, News, Pace, Resolved,
    alertmanager::Alertmanager,
    incident::{Incident, Unsure},
    news::{bounded, in_one_line},
    retry::{Try, until_told},
    webhook::Webhook,
};

/// How many characters a channel's detail may have.
const DETAIL: usize = 400;

/// The ways by which people are told. Made by [`Settings::channels`](crate::Settings::channels).
///
/// Everything that is told, and every detail of how it went, passes through the redactor first.
pub struct Channels {
    pub(crate) alertmanager: Option<Alertmanager>,
    pub(crate) webhook: Option<Webhook>,
    /// Or why there is no issue although one is wanted.
    pub(crate) incident: Option<Result<Incident, String>>,
    pub(crate) runbook: String,
    pub(crate) pace: Pace,
    pub(crate) redactor: Redactor,
}

impl Channels {
    /// Whether nobody is to be told by any way.
    pub fn is_empty(&self) -> bool {
        self.alertmanager.is_none() && self.webhook.is_none() && self.incident.is_none()
    }

    /// What is taken out of everything that is told.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Tells people, by every way at once, until `deadline`. What may pass is tried again; telling the same key again
    /// tells nobody twice. One entry for each way, in the order Alertmanager, webhook, issue.
    pub async fn tell(&self, news: &News, deadline: Instant) -> Vec<Channel> {
        let mut news = news.clone();
        if !self.runbook.is_empty() {
            let url = std::mem::replace(&mut news.runbook, self.runbook.clone());
            // Their page knows their systems, ours what the words mean.
            if !url.is_empty() && url != self.runbook {
                let name = "what it means".to_owned();
                news.links.push(Link { name, url });
            }
        }
        let news = news.clean(&self.redactor);
        let mut unsure = Unsure::default();
        self.all(
            deadline,
            async |to: &Alertmanager| to.tell(&news, deadline).await,
            async |to: &Webhook| to.tell(&news, deadline).await,
            async |to: &Incident| to.tell(&news, &mut unsure).await,
        )
        .await
    }

    /// Tells people that it is over, as [`Channels::tell`] does.
    pub async fn resolve(&self, resolved: &Resolved, deadline: Instant) -> Vec<Channel> {
        let resolved = resolved.clean(&self.redactor);
        let mut unsure = Unsure::default();
        self.all(
            deadline,
            async |to: &Alertmanager| to.resolve(&resolved, deadline).await,
            async |to: &Webhook| to.resolve(&resolved, deadline).await,
            async |to: &Incident| to.resolve(&resolved, &mut unsure).await,
        )
        .await
    }

    async fn all(
        &self,
        deadline: Instant,
        alertmanager: impl AsyncFn(&Alertmanager) -> Try,
        webhook: impl AsyncFn(&Webhook) -> Try,
        mut incident: impl AsyncFnMut(&Incident) -> Try,
    ) -> Vec<Channel> {
        let pace = self.pace;
        let alertmanager = async {
            let to = self.alertmanager.as_ref()?;
            let told = until_told(pace, deadline, async || alertmanager(to).await).await;
            Some(self.channel("alertmanager", told))
        };
        let webhook = async {
            let to = self.webhook.as_ref()?;
            let told = until_told(pace, deadline, async || webhook(to).await).await;
            Some(self.channel("webhook", told))
        };
        let incident = async {
            let told = match self.incident.as_ref()? {
                Ok(to) => until_told(pace, deadline, async || incident(to).await).await,
                Err(why) => Err(why.clone()),
            };
            Some(self.channel("issue", told))
        };
        let (alertmanager, webhook, incident) = tokio::join!(alertmanager, webhook, incident);
        [alertmanager, webhook, incident]
            .into_iter()
            .flatten()
            .collect()
    }

    fn channel(&self, name: &str, told: Result<String, String>) -> Channel {
        let (told, detail) = match told {
            Ok(place) => (true, place),
            Err(trouble) => (false, trouble),
        };
        Channel {
            channel: name.to_owned(),
            told,
            // Before it is cut: the redactor would not know a secret again.
            detail: bounded(&in_one_line(&self.redactor.redact(&detail)), DETAIL),
        }
    }
}
