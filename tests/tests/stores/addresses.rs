//! What the input `store` may hold.

use baton_tests::{Run, Scene};

use crate::{
    SOON,
    server::{CANARY, assert_unseen},
};

#[test]
fn an_address_that_cannot_be_one_is_named_and_never_quoted() {
    let word = CANARY.split('/').next().unwrap();
    for address in [
        format!("postgres://baton:{word}@db:port/baton"),
        format!("postgres://baton:{word}@db/baton?sslmode=verify-fully"),
        format!(
            "postgres://baton:{word}@db/baton?sslmode=verify-full&sslrootcert=/not/there.pem&x=1"
        ),
        format!("redis://baton:{word}@cache/{word}"),
        format!("redis://baton:{word}@cache#insecure"),
        format!("rediss://baton:{word}/x@cache"),
        format!("redis-sentinel://baton:{word}@one,two/0"),
        format!("mysql://baton:{word}@db/baton"),
        format!("git+postgres://baton:{word}@db/baton"),
        format!("host=db user=baton password={word}"),
        format!("db:6379,password={word}"),
        format!("POSTGRES://baton:{word}@db/baton"),
    ] {
        let (scene, run) = (Scene::new(), Run::number(1));
        let step = scene
            .candidate(&run, 1, "write deploy 0.1")
            .input("store", &address)
            .input("attempts", "many");
        let ended = step.finish(SOON).expect(64);
        for text in [ended.log(), ended.summary()] {
            assert!(
                text.contains("store") && text.contains("attempts"),
                "{text}"
            );
            assert_unseen(&address, &text);
        }
        assert_eq!(scene.target().lines(), []);
    }
}

#[test]
fn the_password_may_stand_in_libpqs_variable_instead_of_the_address() {
    let server = crate::server::Server::postgres();
    let (scene, run) = (Scene::new(), Run::number(1));
    let (_, place) = server
        .address()
        .split_once('@')
        .map(|(_, at)| ((), at.to_owned()))
        .unwrap();
    let step = scene
        .candidate(&run, 1, "write deploy 0.1")
        .input("store", format!("postgres://baton@{place}"))
        .variable("PGPASSWORD", CANARY);
    let ended = step.finish(SOON).expect(0);
    assert_unseen("the log", &ended.log());
    // Nothing in the address is secret, so later steps need not name it again.
    let left = ended.left("candidate.json");
    assert!(left.contains(&place), "{left}");
    assert_unseen("the file for later steps", &left);
}
