//! What the ledger keeps of a judgement.

use actions_kit::Status;
use ledger::{Gate, GateStatus};

use super::{Report, words};

/// How many characters the ledger keeps of what a gate saw.
const SEEN: usize = 200;

impl Report {
    /// Each gate, in the order of the file.
    pub fn gates(&self) -> Vec<Gate> {
        self.judgement
            .gates
            .iter()
            .map(|gate| Gate {
                service: gate.name.clone(),
                status: match gate.status {
                    Status::Pass => GateStatus::Pass,
                    Status::Warn => GateStatus::Warn,
                    Status::Unknown => GateStatus::Unknown,
                    Status::Fail => GateStatus::Fail,
                },
                tries: gate.tries,
                took: gate.ended,
                seen: match gate.status {
                    Status::Pass => String::new(),
                    _ => words::cut(&words::last_seen(gate), SEEN),
                },
            })
            .collect()
    }
}
