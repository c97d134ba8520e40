//! The shipped protocol core under seeded faults (design §4's promises 1, 2, 5 and 6, and that every deployment ends).

mod scenario;
mod world;
