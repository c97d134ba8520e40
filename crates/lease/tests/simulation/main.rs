//! The shipped protocol core under seeded faults (design §4's promises 1, 2, 5 and 6, and that every deployment ends).

mod cast;
mod dice;
mod faults;
mod host;
mod judge;
mod scenario;
mod seeded;
mod store;
mod trees;
mod world;
