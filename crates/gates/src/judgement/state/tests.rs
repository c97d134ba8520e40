mod rows;
mod world;

mod invariants;
