//! The suite.

use lease::conformance;
use test_servers::{Postgres, PostgresSetup};

use crate::places::{database, open, settings};

#[tokio::test]
async fn a_postgresql_server_conforms() {
    let server = Postgres::start();
    conformance::run(|lock| async move { open(settings(server.port, ""), &lock) }).await;
}

#[tokio::test]
async fn a_database_with_settings_of_its_own_conforms() {
    let server = Postgres::start_with(&PostgresSetup {
        settings: vec![
            "default_transaction_isolation=serializable".to_owned(),
            "synchronous_commit=off".to_owned(),
        ],
        ..PostgresSetup::default()
    });
    // No room for anything but ASCII's neighbours.
    let name = database(&server, "ENCODING 'LATIN1' TEMPLATE template0").await;
    let settings = settings(server.port, &format!("dbname={name}"));
    conformance::run(|lock| {
        let settings = settings.clone();
        async move { open(settings, &lock) }
    })
    .await;
}
