//! The shipped protocol core, explored state by state (design §4): every order of what can happen in a small world, up
//! to a number of faults, and what baton promises judged in each state.
//!
//! The candidates, `verdict`, gates steps and people are the very state machines that the binaries run. The world
//! around them, the store, the clocks, the trees of the commands, is the model's, and so is the choice of what goes
//! wrong. A state is known by its hash, in which every moment counts relative to the present one.
//!
//! With `BATON_MODEL_WIDE` set everything that the model knows may go wrong in every world, two of it on one path
//! (`make model`); without it what is worst. Each world says how many states are to be seen at least, about nine tenths
//! of what there are: together nearly three million.
#![allow(clippy::unwrap_used, reason = "a test ends with a panic")]

mod calm;
mod cancels;
mod cast;
mod clock;
mod explore;
mod faults;
mod gates;
mod guard;
mod guarded;
mod host;
mod judge;
mod preflights;
mod queue;
mod requests;
mod reruns;
mod scenario;
mod set_back;
mod stuck;
mod takeovers;
mod told;
mod trees;
mod world;
