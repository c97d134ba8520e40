//! Hands the target triple to the crate, for `--version`.

#[allow(
    clippy::print_stdout,
    reason = "standard output is how a build script speaks to cargo"
)]
fn main() {
    let target = std::env::var("TARGET").unwrap_or_else(|_| String::from("unknown target"));
    println!("cargo::rustc-env=BATON_TARGET={target}");
    println!("cargo::rerun-if-changed=build.rs");
}
