//! Every store against the conformance suite, and the git store against everything that goes wrong.

mod conformance;
mod places;
