//! `runner.registration`.

use preflight::{Finding, Status, checks::registration::registered};
use serde_json::{Value, json};

use crate::play::{Play, REPO, names};

pub(crate) const OF_ORGANISATION: &str = "/orgs/octo/actions/runners";

pub(crate) fn of_repository() -> String {
    format!("{REPO}/actions/runners")
}

pub(crate) fn runner(id: u64, status: &str, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|l| json!({"name": l})).collect();
    json!({"id": id, "name": "Runner-A", "os": "linux", "status": status, "busy": true, "labels": labels})
}

async fn registration(play: &Play) -> Finding {
    let wanted = names(&["self-hosted", "linux", "production"]);
    registered(&play.client(), "octo", "shop", "runner-a", &wanted).await
}

#[tokio::test]
async fn a_runner_is_looked_for_in_the_repository_then_in_the_organisation() {
    let labels = ["self-hosted", "Linux", "X64", "Production"];
    let online = runner(2, "online", &labels);
    let play = Play::start()
        .await
        .runners(&of_repository(), std::slice::from_ref(&online))
        .await;
    assert_eq!(registration(&play).await.status, Status::Pass);
    assert_eq!(play.asked().await, 1);
    let play = Play::start()
        .await
        .runners(&of_repository(), &[])
        .await
        .runners(OF_ORGANISATION, &[online, runner(1, "offline", &labels)])
        .await;
    let finding = registration(&play).await;
    assert_eq!(finding.status, Status::Pass, "{finding:?}");
    assert!(finding.seen.contains("the organisation"));
    assert_eq!(play.asked().await, 2);
}

#[tokio::test]
async fn a_runner_that_is_offline_badly_labelled_or_not_there_fails_with_its_reason() {
    let all = ["self-hosted", "linux", "production"];
    for (found, said) in [
        (vec![runner(1, "offline", &all)], "offline"),
        (vec![runner(1, "online", &all[..2])], "without production"),
        (vec![], "neither of the repository nor of its organisation"),
    ] {
        let play = Play::start()
            .await
            .runners(&of_repository(), &found)
            .await
            .runners(OF_ORGANISATION, &[])
            .await;
        let finding = registration(&play).await;
        assert_eq!(finding.status, Status::Fail, "{finding:?}");
        assert!(finding.seen.contains(said), "{}", finding.seen);
    }
}

#[tokio::test]
async fn runners_that_the_token_may_not_list_are_unknown() {
    let play = Play::start().await.runners(&of_repository(), &[]).await;
    let finding = registration(&play).await;
    assert_eq!(
        finding.status,
        Status::Unknown,
        "a person's repository has no organisation"
    );
    let refusal = json!({"message": "Resource not accessible by integration"});
    let play = Play::start()
        .await
        .answers(&of_repository(), 403, refusal)
        .await;
    let finding = registration(&play).await;
    assert_eq!(finding.status, Status::Unknown);
    assert!(
        finding.mend.contains("`administration: read`"),
        "{}",
        finding.mend
    );
}
