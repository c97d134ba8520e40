//! Deployments as people know them, played with the real programs as a workflow's legs: `make scenarios`.
//!
//! Everything is real but the runners and GitHub: each step is a process of its own with what a runner would give it, the
//! store is a git remote over HTTP, production is a service behind `fence-guard`, the numbers go to a Pushgateway. A
//! scenario is a list of steps, each a sentence and what is done: `--dry-run` prints the sentences of the same list.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure of the stage itself is a panic, which its scenario tells as its own"
)]

mod failover;
mod healthy;
mod interruption;
mod job;
mod production;
mod script;
mod service;
mod stage;
mod steps;
mod two_at_once;
mod watch;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use baton_tests::live::Live;
use script::{End, Scenario};

/// Every scenario, in the order in which they are played.
fn all() -> [Scenario; 4] {
    [
        healthy::scenario(),
        failover::scenario(),
        two_at_once::scenario(),
        interruption::scenario(),
    ]
}

fn help() -> String {
    let mut text = String::from(
        "Plays deployments with the real programs, each as a process of its own, and says what happens.\n\n\
         usage: make scenarios [ARGS='[--dry-run] [scenario…]']\n\n",
    );
    for scenario in all() {
        text.push_str(&format!(
            "  {:<14} {:<64} about {} s\n",
            scenario.name, scenario.about, scenario.seconds
        ));
    }
    text.push_str(
        "\n  --dry-run      prints what would be done, and does nothing\n  --help         this text\n\n\
         Without a name: all of them. Ends with a line for each, and with 1 where one failed.\n",
    );
    text
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, folder] = arguments.as_slice()
        && first == service::ARGUMENT
    {
        return service::serve(Path::new(folder));
    }
    if arguments
        .iter()
        .any(|word| word == "--help" || word == "-h")
    {
        return say(&help());
    }
    let dry = arguments.iter().any(|word| word == "--dry-run");
    let names: Vec<&String> = arguments.iter().filter(|w| *w != "--dry-run").collect();
    let known = all().map(|scenario| scenario.name);
    if let Some(wrong) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let _unheard = write!(
            io::stderr(),
            "scenarios: no scenario called {wrong}\n\n{}",
            help()
        );
        return ExitCode::from(64);
    }
    let wanted = all()
        .into_iter()
        .filter(|one| names.is_empty() || names.iter().any(|name| *name == one.name))
        .collect();
    if dry { tell(wanted) } else { play(wanted) }
}

fn say(text: &str) -> ExitCode {
    // A reader that went away is no failure.
    let _unheard = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints what would be done.
fn tell(scenarios: Vec<Scenario>) -> ExitCode {
    let mut text = String::new();
    for scenario in scenarios {
        text.push_str(&scenario.told());
    }
    text.push_str("Nothing was done.\n");
    say(&text)
}

/// Plays one after the other; those behind a failed one are played too.
fn play(scenarios: Vec<Scenario>) -> ExitCode {
    let mut live = Live::begin();
    let mut lines = Vec::new();
    let mut fine = true;
    for scenario in scenarios {
        let name = scenario.name;
        let (seconds, ended) = scenario.play(&mut live);
        let (sign, what) = match ended {
            Ok(figures) => ("pass", figures),
            Err(End::NotSo(why)) => {
                fine = false;
                ("FAIL", why)
            }
            Err(End::Interrupted) => {
                live.tell("interrupted: everything that was started is ended");
                return ExitCode::from(130);
            }
        };
        let line = format!("{sign}  {name:<14} {seconds:6.1} s  {what}");
        live.tell(&format!("{line}\n"));
        // What a step said last is told once.
        lines.push(line.lines().next().unwrap_or_default().to_owned());
    }
    if lines.len() > 1 {
        live.tell(&lines.join("\n"));
    }
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
