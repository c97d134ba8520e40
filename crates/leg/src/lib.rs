//! What every step of a leg knows: its deployment, its candidate, its lock and store, and what an earlier step of the
//! same job left behind (design §8, the common inputs).
//!
//! Responsible for turning the inputs that all actions share into those facts, for the host's clock and voice, and for running
//! the user's commands under the supervisor as the protocol orders. Not responsible for deciding anything by them: that is the `lease` crate's.

mod bookkeeping;
mod deployment;
mod earlier;
mod handed;
mod hands;
mod host;
mod identity;
pub mod inputs;
mod place;
mod printed;
mod program;
mod runbook;
mod voice;

pub use bookkeeping::keep_books;
pub use deployment::deployment;
pub use earlier::{
    COMMAND_OUTPUT, DIAGNOSTICS, INSTANCE, STOOD_BY, adopt_earlier_step, instance, own_folder, temp,
};
pub use handed::{Carried, inherited, make_output_file, output_file};
pub use hands::{CommandHands, HandsError, UserCommands};
pub use host::{NoHands, ThisHost, random_name, wall};
pub use identity::{lock, number, party};
pub use place::Place;
pub use printed::{OutputLine, Printed};
pub use program::{Configuration, program};
pub use runbook::Section;
pub use voice::Voice;
