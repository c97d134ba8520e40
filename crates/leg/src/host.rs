//! Time and randomness of this host, for the protocol's shell.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lease::{
    protocol::{Command, Input, Now},
    shell::{Hands, Host},
    store::StoreFuture,
};
use ledger::Timestamp;
use supervisor::boottime;

use crate::Voice;

/// This host.
pub struct ThisHost;

impl Host for ThisHost {
    fn now(&self) -> Now {
        Now {
            boot: boottime::now(),
            wall: wall(),
        }
    }

    fn nonce(&self) -> String {
        random_name()
    }

    fn sleep_until(&self, boot: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if boottime::sleep_until(boot).await.is_err() {
                // No timerfd: tokio's clock stands still while the host is suspended, but a step looks at the right one.
                tokio::time::sleep(boot.saturating_sub(boottime::now())).await;
            }
        })
    }
}

/// The wall clock: for people and metrics, never for a decision.
pub fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(since.as_millis() as u64)
}

/// 128 random bits in hexadecimal: nobody draws the same twice.
pub fn random_name() -> String {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // No kernel that runs GitHub's runner lacks getrandom(2). Time, process and stack still tell us apart.
        let mark = u128::from(wall().0) << 64
            | u128::from(std::process::id()) << 32
            | (boottime::now().as_nanos() & 0xFFFF_FFFF);
        bytes = mark.to_be_bytes();
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Hands that hold nothing: for actors that run no command.
pub struct NoHands<'a>(pub &'a Voice);

impl Hands for NoHands<'_> {
    fn feed(&mut self, _deadline: Duration) {}
    fn start(&mut self, _command: Command, _number: u32, _token: u64, _timeout: Duration) {}
    fn stop(&mut self, _now: bool) {}
    fn say(&mut self, text: &str) {
        self.0.say(text);
    }
    async fn next(&mut self) -> Input {
        std::future::pending().await
    }
}
