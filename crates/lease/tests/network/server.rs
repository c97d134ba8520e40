//! The store's server: slow, forgetful of answers, and late, as the weather has it; never wrong.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::spawn_local, time::sleep};
use turmoil::net::{TcpListener, TcpStream};

use crate::{
    clock::truth,
    play::World,
    wire::{self, Answer, Ask, PORT, Swap},
};

/// How long a connection lingers over which no answer comes.
const LINGERS: Duration = Duration::from_secs(60);

/// One run of the server, from its start to its crash. What it has acknowledged stands on the disk.
pub(crate) async fn serve(world: Arc<World>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let server = Arc::new(Server {
        world,
        writes: Notify::new(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks concerns nobody but its client. A set of local tasks is dropped in their order;
        // tokio's other tasks are dropped by their numbers, which other tests draw too.
        spawn_local(Arc::clone(&server).talk(stream));
    }
}

struct Server {
    world: Arc<World>,
    /// Wakes those who wait in the order in which they came: tokio's `watch` draws lots.
    writes: Notify,
}

impl Server {
    async fn talk(self: Arc<Self>, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let ask: Ask = wire::receive(&mut stream).await?;
            let weather = &self.world.script.weather;
            let works = self.world.dice().millis(0, weather.works);
            sleep(works).await;
            let lost = self.world.dice().chance(weather.lost_percent);
            let answer = match ask {
                Ask::Read { lock, known } => self.world.disk().read(&lock, &known),
                Ask::Swap { lock, swap } => {
                    let late = self.world.dice().chance(weather.late_percent);
                    let again = self.world.dice().chance(weather.again_percent);
                    let pause = self.world.dice().millis(500, weather.latest);
                    if late {
                        sleep(pause).await;
                    }
                    let answer = self.swap(&lock, &swap);
                    if late {
                        return linger(stream).await;
                    }
                    if again {
                        let server = Arc::clone(&self);
                        spawn_local(async move {
                            sleep(pause).await;
                            server.swap(&lock, &swap);
                        });
                    }
                    answer
                }
                Ask::Wait {
                    lock,
                    seen,
                    longest,
                } => {
                    let changed = async {
                        loop {
                            let written = self.writes.notified();
                            if self.world.disk().state(&lock).versions != seen {
                                return;
                            }
                            written.await;
                        }
                    };
                    let _ = tokio::time::timeout(Duration::from_millis(longest), changed).await;
                    Answer::Changed
                }
                Ask::History {
                    lock,
                    from_seq,
                    since,
                } => {
                    let mut disk = self.world.disk();
                    let entries = disk.state(&lock).chain.iter().map(|(_, entry)| entry);
                    let wanted = entries
                        .filter(|e| e.seq >= from_seq && since.is_none_or(|since| e.at >= since));
                    Answer::Entries(wanted.cloned().collect())
                }
            };
            if lost {
                return linger(stream).await;
            }
            wire::send(&mut stream, &answer).await?;
        }
    }

    fn swap(&self, lock: &str, swap: &Swap) -> Answer {
        let (answer, changed) = self.world.disk().swap(truth(), lock, swap);
        self.world.say(|| {
            let phase = swap.record.as_deref().and_then(phase).unwrap_or_default();
            let entries: Vec<_> = swap.entries.iter().map(|e| e.subject()).collect();
            let answer = match &answer {
                Answer::Won(_) if changed => "takes",
                Answer::Won(_) => "has",
                _ => "refuses",
            };
            format!("  store {answer} {} {phase} {entries:?}", swap.nonce)
        });
        if changed {
            self.writes.notify_waiters();
        }
        answer
    }
}

/// Keeps a connection open without a word: its client cannot tell a lost answer from a slow one.
async fn linger(stream: TcpStream) -> io::Result<()> {
    sleep(LINGERS).await;
    drop(stream);
    Ok(())
}

fn phase(record: &str) -> Option<String> {
    let record: lease::Record = serde_json::from_str(record).ok()?;
    Some(format!("{} token {}", record.phase, record.token))
}
