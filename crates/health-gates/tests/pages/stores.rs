//! The pages on `postgres` and `redis`.

mod postgres;
mod redis;
