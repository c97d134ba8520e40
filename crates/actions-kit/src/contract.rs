//! Holds action.yml and README against the table, and makes the parts of both that follow from it (design §8).
//!
//! Not responsible for the files: they are handed in as text. Behind the feature `contract`, for tests and for what
//! regenerates the documentation; no shipped binary parses YAML here.

mod action_yml;
mod readme;
