//! Cases of judging that need no server.
