//! A real server that a store lives in.

use baton_tests::{Ended, Run, Scene, Step};
use nix::sys::signal::Signal;
use probes::resolver::Resolver;
use test_servers::{Postgres, Redis, RedisSetup};

use crate::page;

/// The password of both servers: no other text looks like it.
pub(crate) const CANARY: &str = "canary-7be2/40 c@d1";

/// The same as it stands in an address.
const ENCODED: &str = "canary-7be2%2F40%20c%40d1";

/// What of it, in any form, must be seen nowhere.
const MARK: &str = "canary-7be2";

pub(crate) enum Server {
    Postgres(Postgres),
    Redis(Redis),
}

impl Server {
    /// One of each, with a user `baton` who may do what the documentation asks for, and no more.
    pub(crate) fn each() -> [Server; 2] {
        [Server::postgres(), Server::redis()]
    }

    pub(crate) fn postgres() -> Server {
        let server = Postgres::start();
        let set_up = page::blocks("sql")[0].replace("change-me", CANARY);
        for statement in set_up.split_terminator(";\n") {
            sql(&server, "postgres", statement);
        }
        Server::Postgres(server)
    }

    pub(crate) fn redis() -> Server {
        let setup = RedisSetup {
            config: page::blocks("text")
                .join("\n")
                .replace(">change-me", &format!("\">{CANARY}\"")),
            ..RedisSetup::default()
        };
        Server::Redis(Redis::start_with(&setup))
    }

    /// The address with the password in it.
    pub(crate) fn address(&self) -> String {
        match self {
            Server::Postgres(server) => {
                format!("postgres://baton:{ENCODED}@127.0.0.1:{}/baton", server.port)
            }
            Server::Redis(server) => format!("redis://baton:{ENCODED}@127.0.0.1:{}", server.port),
        }
    }

    /// Where it is, as people may see it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Server::Postgres(server) => format!("postgres 127.0.0.1:{}", server.port),
            Server::Redis(server) => format!("redis 127.0.0.1:{}", server.port),
        }
    }

    /// Whether nothing of ours is there.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Server::Postgres(server) => {
                let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'baton%'";
                sql(server, "baton", tables).as_deref() == Some("0")
            }
            Server::Redis(server) => server.command(&["DBSIZE"]) == "0",
        }
    }

    /// How many connections baton's user has open.
    pub(crate) fn connections(&self) -> usize {
        match self {
            Server::Postgres(server) => {
                let open = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'baton'";
                let open = sql(server, "postgres", open).unwrap();
                open.parse().unwrap()
            }
            Server::Redis(server) => {
                let open = server.command(&["CLIENT", "LIST"]);
                open.matches(" user=baton ").count()
            }
        }
    }

    /// Sends a signal to every process of it.
    pub(crate) fn signal(&self, signal: Signal) {
        match self {
            Server::Postgres(server) => server.signal_all(signal),
            Server::Redis(server) => server.signal(signal),
        }
    }

    /// Takes the lease away, as a person might, and leaves the ledger.
    pub(crate) fn lose_the_lease(&self) {
        match self {
            Server::Postgres(server) => {
                sql(server, "baton", "DELETE FROM baton_leases");
            }
            Server::Redis(server) => {
                let lease = "baton:{octo%2Fshop%2Fproduction}:lease";
                assert_eq!(server.command(&["DEL", lease]), "1");
            }
        }
    }

    /// Takes everything away that is ours, and leaves the tables.
    pub(crate) fn empty(&self) {
        match self {
            Server::Postgres(server) => {
                sql(server, "baton", "TRUNCATE baton_leases, baton_ledger");
            }
            Server::Redis(server) => {
                server.command(&["FLUSHALL"]);
            }
        }
    }

    /// Takes one entry of the ledger away.
    pub(crate) fn lose_entry(&self, seq: u64) {
        match self {
            Server::Postgres(server) => {
                let delete = format!("DELETE FROM baton_ledger WHERE seq = {seq}");
                sql(server, "baton", &delete);
            }
            Server::Redis(server) => {
                let ledger = "baton:{octo%2Fshop%2Fproduction}:ledger";
                let removed = server.command(&["XDEL", ledger, &format!("{seq}-0")]);
                assert_eq!(removed, "1");
            }
        }
    }

    /// The deployment of `run` by a candidate of its own, to its good end.
    #[track_caller]
    pub(crate) fn is_deployed_over(&self, scene: &Scene, run: &Run) -> Ended {
        let leg = self.keeps(scene.candidate(run, 1, "write deploy 0.1"));
        leg.input("candidates", 1).finish(crate::SOON).expect(0)
    }

    /// `step` with its lease and ledger here.
    pub(crate) fn keeps(&self, step: Step) -> Step {
        step.input("store", self.address())
    }
}

/// Runs one statement as the user that may do everything.
pub(crate) fn sql(server: &Postgres, database: &str, statement: &str) -> Option<String> {
    let settings = format!(
        "host=127.0.0.1 port={} user=postgres dbname={database} password='{}'",
        server.port,
        Postgres::PASSWORD
    );
    let asked = async {
        let deadline = tokio::time::Instant::now() + crate::SOON;
        let (resolver, settings) = (Resolver::system(), settings.parse().unwrap());
        let session = probes::postgres::login(&resolver, &settings, deadline)
            .await
            .unwrap();
        session.value(statement, deadline).await.unwrap()
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(asked)
}

/// That `text` holds no part of the password, but where the runner is told to hide it.
#[track_caller]
pub(crate) fn assert_unseen(what: &str, text: &str) {
    let seen = text
        .lines()
        .find(|line| line.contains(MARK) && !line.starts_with("::add-mask::"));
    assert_eq!(seen, None, "in {what}");
}
