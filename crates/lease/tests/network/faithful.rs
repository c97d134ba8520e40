//! The simulated store is a store: it passes the suite that every real one passes.

use std::{sync::Arc, time::Duration};

use lease::{Timing, conformance};

use crate::{
    client::NetStore,
    clock::Clock,
    dice::Dice,
    play::{World, network},
    script::{Script, Weather},
};

#[test]
fn the_simulated_store_conforms() {
    let fair = Script::fair(7, Timing::NOTIFIED);
    let script = Script {
        weather: Weather {
            tick: Duration::from_millis(5),
            slowest: Duration::from_millis(20),
            works: 5,
            again_percent: 20,
            twice_percent: 20,
            ..fair.weather
        },
        ..fair
    };
    let world = Arc::new(World::new(script, false));
    let mut sim = network(&world);
    let asker = Arc::clone(&world);
    sim.client("asker", async move {
        conformance::run(|lock| {
            let clock = Clock {
                rate: 1000,
                offset: Duration::ZERO,
            };
            let store = NetStore::new(&asker.script, lock, clock, Dice::new(7));
            async { store }
        })
        .await;
        Ok(())
    });
    sim.run().unwrap();
}
