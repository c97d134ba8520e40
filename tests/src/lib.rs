//! What the cross-crate tests share: finding the built binaries, starting candidates, reading their files.
