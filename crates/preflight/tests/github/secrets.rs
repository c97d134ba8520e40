//! `secrets.present`, `secrets.age`.

use preflight::{
    Finding, Status,
    checks::secrets::{SecretSeen, age, present},
};
use serde_json::json;

use crate::play::{CANARY, Play, REPO, names, part};

const OF_ENVIRONMENT: &str = "/environments/production/secrets";
const OF_REPOSITORY: &str = "/actions/secrets";
const OF_ORGANISATION: &str = "/actions/organization-secrets";

async fn aged(client: &github::Client, secrets: &[&str]) -> Finding {
    age(client, "octo", "shop", "production", &names(secrets), 90).await
}

#[test]
fn a_secret_that_is_set_empty_or_missing_is_told_apart_with_the_line_that_mends_it() {
    let finding = present(&names(&["A", "B", "C"]), |name| match name {
        "A" => SecretSeen::Set,
        "B" => SecretSeen::Empty,
        _ => SecretSeen::Missing,
    });
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(finding.seen, "2 of 3 are not there");
    assert_eq!(part(&finding, "A"), (Status::Pass, "set"));
    assert!(part(&finding, "B").1.contains("empty"));
    assert_eq!(part(&finding, "C"), (Status::Fail, "not set"));
    for (subject, line) in [
        ("B", "`B: ${{ secrets.B }}`"),
        ("C", "`C: ${{ secrets.C }}`"),
    ] {
        let part = finding.parts.iter().find(|p| p.subject == subject).unwrap();
        assert!(part.mend.contains(line), "{}", part.mend);
    }
    assert_eq!(
        finding.parts[2].subject, "A",
        "those that need a look come first"
    );
    let finding = present(&names(&["A"]), |_| SecretSeen::Blank);
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(finding.seen, "A: set, but only white space");
    assert!(finding.mend.contains("store the value"), "{finding:?}");
    let finding = present(&names(&["A"]), |_| SecretSeen::Set);
    assert_eq!(finding.status, Status::Pass);
}

#[tokio::test]
async fn a_secret_is_as_old_as_it_is_at_the_level_that_wins_by_githubs_clock() {
    let play = Play::start()
        .await
        .secrets(OF_ENVIRONMENT, &[("DB", "2026-11-20")])
        .await
        .secrets(
            OF_REPOSITORY,
            &[("DB", "2020-01-01"), ("API", "2026-08-22")],
        )
        .await
        .secrets(
            OF_ORGANISATION,
            &[("API", "2020-01-01"), ("MAIL", "2026-08-24")],
        )
        .await;
    let client = play.client();
    let finding = aged(&client, &["DB", "api", "MAIL"]).await;
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(finding.seen, "1 of 3 is too old");
    let (fresh, old, last) = (
        part(&finding, "DB"),
        part(&finding, "api"),
        part(&finding, "MAIL"),
    );
    assert_eq!(
        fresh,
        (
            Status::Pass,
            "1 day old, changed 2026-11-20 (environment production)"
        )
    );
    assert_eq!(
        old,
        (Status::Fail, "91 days old, changed 2026-08-22 (repository)")
    );
    assert_eq!(
        last,
        (
            Status::Pass,
            "89 days old, changed 2026-08-24 (organisation)"
        )
    );
    assert_eq!(client.requests_sent(), 3);
}

#[tokio::test]
async fn whole_days_are_compared_and_a_date_that_cannot_be_is_unknown() {
    let secret = |name: &str, at: &str| json!({"name": name, "updated_at": at});
    let secrets = json!([
        secret("LAST", "2026-08-23T11:59:30Z"),
        secret("OLD", "2026-08-22T12:00:00Z"),
        secret("SKEWED", "2026-11-22T12:00:00Z"),
        secret("FUTURE", "2026-11-22T12:00:01Z"),
        json!({"name": "ODD", "created_at": "2020-01-01T00:00:00Z", "updated_at": "soon"}),
    ]);
    let play = Play::start()
        .await
        .has(
            OF_ENVIRONMENT,
            json!({"total_count": 5, "secrets": secrets}),
        )
        .await;
    let finding = aged(&play.client(), &["LAST", "OLD", "SKEWED", "FUTURE", "ODD"]).await;
    assert_eq!(
        part(&finding, "LAST"),
        (
            Status::Pass,
            "90 days old, changed 2026-08-23 (environment production)"
        )
    );
    assert_eq!(part(&finding, "OLD").0, Status::Fail);
    assert_eq!(part(&finding, "SKEWED").0, Status::Pass);
    let mend = |subject: &str| {
        let mut parts = finding.parts.iter();
        parts.find(|p| p.subject == subject).unwrap().mend.clone()
    };
    for (subject, seen, word) in [
        ("FUTURE", "in the future", "clock"),
        ("ODD", "no date", "settings"),
    ] {
        assert_eq!(part(&finding, subject).0, Status::Unknown);
        assert!(part(&finding, subject).1.contains(seen), "{finding:?}");
        assert!(mend(subject).contains(word), "{finding:?}");
    }
}

#[tokio::test]
async fn the_organisation_is_not_asked_where_every_secret_is_found_before() {
    let play = Play::start()
        .await
        .secrets(OF_ENVIRONMENT, &[("DB", "2026-11-20")])
        .await
        .secrets(OF_REPOSITORY, &[("API", "2026-11-20")])
        .await;
    let client = play.client();
    let finding = aged(&client, &["DB", "API"]).await;
    assert_eq!((finding.status, client.requests_sent()), (Status::Pass, 2));
    let finding = aged(&client, &["DB"]).await;
    assert_eq!((finding.status, client.requests_sent()), (Status::Pass, 3));
}

#[tokio::test]
async fn an_environment_that_github_does_not_have_leaves_the_repositorys_secrets() {
    let play = Play::start()
        .await
        .secrets(OF_REPOSITORY, &[("DB", "2026-11-20")])
        .await;
    assert_eq!(aged(&play.client(), &["DB"]).await.status, Status::Pass);
}

#[tokio::test]
async fn a_secret_that_github_knows_nowhere_is_unknown() {
    let play = Play::start()
        .await
        .secrets(OF_ENVIRONMENT, &[("DB", "2026-11-20")])
        .await
        .secrets(OF_REPOSITORY, &[])
        .await
        .secrets(OF_ORGANISATION, &[])
        .await;
    let finding = aged(&play.client(), &["DB", "X"]).await;
    assert_eq!(finding.status, Status::Unknown);
    assert_eq!(part(&finding, "DB").0, Status::Pass);
    assert!(part(&finding, "X").1.contains("no secret of this name"));
}

#[tokio::test]
async fn a_refusal_makes_ages_unknown_names_the_permission_and_hides_what_lies_below() {
    let refusal = json!({"message": format!("no {CANARY}")});
    let play = Play::start()
        .await
        .answers(&format!("{REPO}{OF_ENVIRONMENT}"), 403, refusal)
        .await
        .secrets(OF_REPOSITORY, &[("DB", "2026-11-20")])
        .await;
    let finding = aged(&play.client(), &["DB"]).await;
    assert_eq!(finding.status, Status::Unknown);
    assert_eq!(
        part(&finding, "DB").0,
        Status::Unknown,
        "the environment's own may win"
    );
    assert!(finding.mend.contains("`environments: read`"), "{finding:?}");
    assert!(!format!("{finding:?}").contains("canary"), "{finding:?}");
}

#[tokio::test]
async fn a_secret_found_above_a_refusal_is_judged() {
    let play = Play::start()
        .await
        .secrets(OF_ENVIRONMENT, &[("OLD", "2020-01-01")])
        .await
        .answers(&format!("{REPO}{OF_REPOSITORY}"), 500, json!({}))
        .await;
    let finding = aged(&play.client(), &["OLD", "API"]).await;
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(part(&finding, "API").0, Status::Unknown);
}
