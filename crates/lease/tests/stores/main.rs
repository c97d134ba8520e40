//! Every store against the conformance suite, and the git store against everything that goes wrong.

mod conformance;
mod disk;
mod foreign;
mod http_faults;
mod lost_answers;
mod memory_faults;
mod places;
mod processes;
mod surroundings;
