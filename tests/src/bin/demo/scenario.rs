//! What happens to the primary, and when.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use baton_tests::{
    Process, Run, Scene, Step,
    live::{Colour, Live, Stop},
    process, scene,
};
use lease::testing::http_git::{Mode, Server};
use ledger::TakeoverReason;

use crate::screen;

/// How long the deployment takes where nothing happens.
const DEPLOYMENT_SECONDS: u32 = 10;

/// The same where the primary must be seen to stop itself: longer than its deadline of 18 s.
const LONG_DEPLOYMENT_SECONDS: u32 = 22;

/// The step of the deployment after which something happens.
const MIDDLE: u32 = 4;

/// What is deployed.
pub(crate) const VERSION: &str = "v42";

/// Longer than any part may take, on a slow machine too.
const LONG: Duration = Duration::from_secs(90);

/// What happens to the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Its machine is gone from one moment to the next.
    Killed,
    /// Its deploy command fails.
    Failed,
    /// It lives, but cannot reach the store any more.
    Partitioned,
}

impl Scenario {
    /// The reason that the ledger gives for the takeover.
    pub(crate) fn reason(self) -> TakeoverReason {
        match self {
            Scenario::Killed | Scenario::Partitioned => TakeoverReason::PrimaryUnreachable,
            Scenario::Failed => TakeoverReason::PrimaryExitCode,
        }
    }

    /// From what happened to the secondary's command starting: what design §4 promises for a git store. A failed command
    /// costs one poll of 2 s and three requests, which take longer on a busy machine.
    pub(crate) fn at_most(self) -> Duration {
        match self {
            Scenario::Killed | Scenario::Partitioned => Duration::from_secs(30),
            Scenario::Failed => Duration::from_secs(5),
        }
    }

    fn seconds(self) -> u32 {
        match self {
            Scenario::Killed | Scenario::Failed => DEPLOYMENT_SECONDS,
            Scenario::Partitioned => LONG_DEPLOYMENT_SECONDS,
        }
    }

    fn told(self) -> &'static str {
        match self {
            Scenario::Killed => {
                "In the middle of it, runner-a loses its power: everything on it is killed."
            }
            Scenario::Failed => "In the middle of it, the deploy command fails on runner-a.",
            Scenario::Partitioned => {
                "In the middle of it, runner-a loses its way to the store. It must stop its own deployment in time."
            }
        }
    }
}

/// One line of the target's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetLine {
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) token: u64,
    /// `start version=v42`, `step 3`, `end version=v42`, `refused …`
    pub(crate) said: String,
}

/// Everything the last screen tells of.
pub(crate) struct Played {
    pub(crate) scenario: Scenario,
    pub(crate) scene: Scene,
    pub(crate) run: Run,
    /// When it happened to the primary, in milliseconds since 1970.
    pub(crate) happened: u64,
    /// What happened, in a few words.
    pub(crate) what: String,
    /// The primary's processes that outlived being killed.
    pub(crate) survivors: Vec<u32>,
    pub(crate) target: Vec<TargetLine>,
    pub(crate) primary: Option<baton_tests::Ended>,
    pub(crate) secondary: baton_tests::Ended,
    pub(crate) summary: PathBuf,
}

/// Plays it to the end and shows the last screen. Whether all was as promised.
pub(crate) fn play(scenario: Scenario, live: &mut Live) -> Result<bool, Stop> {
    let scene = Scene::new();
    let run = Run::number(42);
    let links = [scene.link(), scene.link()];
    live.tell(&live.paint(
        Colour::Bold,
        "Two runners, one deployment: runner-a deploys, runner-b stands by.",
    ));
    live.tell(scenario.told());
    live.tell("The clock counts from now; timing is the default (a heartbeat every 10 s, a lease of 22 s).\n");

    let mut primary = step(&scene, &run, 1, scenario, &links[0]).start();
    let mut secondary = step(&scene, &run, 2, scenario, &links[1]).start();
    live.follow("runner-a", Colour::Blue, primary.folder().join("log"));
    live.follow("runner-b", Colour::Green, secondary.folder().join("log"));
    let ready = |text: &str| text.contains("is ready").then_some(());
    live.until(LONG, "runner-b ready", || ready(&secondary.log()))?;

    let target = scene.folder().join("target");
    let middle = format!("step {MIDDLE}");
    live.until(LONG, "the deployment on runner-a", || {
        find(&target, 1, &middle)
    })?;
    let (happened, what, survivors) = happen(scenario, live, &mut primary, &links[0])?;
    await_takeover(scenario, live, &target)?;
    if scenario == Scenario::Partitioned {
        live.announce("the way is open again: runner-a learns that the lease is another's");
        links[0].set(Mode::Serve);
    }
    let second = live.until(LONG, "the end on runner-b", || over(&mut secondary))?;
    let first = match scenario {
        Scenario::Killed => None,
        Scenario::Failed | Scenario::Partitioned => {
            Some(live.until(LONG, "the end on runner-a", || over(&mut primary))?)
        }
    };
    let played = Played {
        scenario,
        run,
        happened,
        what,
        survivors,
        target: lines(&target),
        primary: first,
        secondary: second,
        summary: secondary.folder().join("summary.md"),
        scene,
    };
    drop((primary, secondary, links));
    Ok(screen::show(played, live))
}

/// The deploy command: the example that stands in dist-scripts, which needs a while and writes its own log.
fn script(scenario: Scenario) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .with_file_name("dist-scripts")
        .join("example-deploy");
    let deploy = format!("'{}'", example.display());
    match scenario {
        Scenario::Failed => format!(
            "if [[ $BATON_ROLE == primary ]]; then\n  EXAMPLE_SECONDS={MIDDLE} {deploy}\n  echo 'the new version does not start: giving up'\n  exit 3\nfi\n{deploy}"
        ),
        Scenario::Killed | Scenario::Partitioned => deploy,
    }
}

fn step(scene: &Scene, run: &Run, number: u32, scenario: Scenario, link: &Server) -> Step {
    let (script, seconds) = (script(scenario), scenario.seconds());
    scene
        .candidate(run, number, &script)
        .default_of(&["lease-time", "retry-wait"])
        .input("version", VERSION)
        .variable("EXAMPLE_TARGET", scene.folder().join("target").display())
        .variable("EXAMPLE_SECONDS", seconds)
        .over(link)
}

type Happened = (u64, String, Vec<u32>);

fn happen(
    scenario: Scenario,
    live: &mut Live,
    primary: &mut Process,
    link: &Server,
) -> Result<Happened, Stop> {
    match scenario {
        Scenario::Killed => {
            let all: Vec<u32> = process::descendants(primary.pid())
                .into_iter()
                .chain([primary.pid()])
                .collect();
            live.announce(
                "⚡ runner-a loses its power: supervisor, watchdog and deploy command get SIGKILL",
            );
            let at = now();
            primary.lose();
            live.until(LONG, "the end of runner-a", || over(primary))?;
            let survivors = all.into_iter().filter(|pid| process::lives(*pid)).collect();
            live.announce("nobody is told. runner-b watches the lease: 22 s without a heartbeat, and it is runner-b's");
            Ok((at, "runner-a lost its power".to_owned(), survivors))
        }
        Scenario::Failed => {
            let failed = live.until(LONG, "the failure", || {
                primary.log().contains("giving up").then(now)
            })?;
            live.announce("✗ the deploy command failed on runner-a; nothing is left to try there");
            Ok((
                failed,
                "the command failed on runner-a".to_owned(),
                Vec::new(),
            ))
        }
        Scenario::Partitioned => {
            live.announce("✂ runner-a's way to the store is cut: what it sends is never answered");
            let at = now();
            link.set(Mode::Silent);
            live.announce("its deployment goes on for now. 18 s after its last heartbeat it must be dead, 4 s before runner-b may begin");
            Ok((
                at,
                "runner-a lost its way to the store".to_owned(),
                Vec::new(),
            ))
        }
    }
}

fn await_takeover(scenario: Scenario, live: &mut Live, target: &Path) -> Result<(), Stop> {
    let pause = Duration::from_secs(5);
    let since = live.elapsed();
    loop {
        let awaited = "runner-b's deployment";
        match live.until(pause, awaited, || find(target, 2, "start")) {
            Ok(_) => return Ok(()),
            Err(Stop::InVain(_)) if live.elapsed() < since + LONG => {
                let silent = (live.elapsed() - since).as_secs();
                if scenario != Scenario::Failed {
                    live.announce(&format!("… {silent} s"));
                }
            }
            Err(stop) => return Err(stop),
        }
    }
}

fn over(step: &mut Process) -> Option<baton_tests::Ended> {
    if step.runs() {
        None
    } else {
        Some(step.wait(LONG))
    }
}

fn find(target: &Path, token: u64, said: &str) -> Option<TargetLine> {
    lines(target)
        .into_iter()
        .find(|l| l.token == token && l.said.starts_with(said))
}

fn lines(target: &Path) -> Vec<TargetLine> {
    let text = fs::read_to_string(target.join("log")).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(5, ' ');
            let at = fields.next()?.parse().ok()?;
            let token = fields.next()?.strip_prefix("token=")?.parse().ok()?;
            Some(TargetLine {
                at,
                token,
                said: fields.nth(2)?.to_owned(),
            })
        })
        .collect()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as u64
}

/// `runner-a`
pub(crate) fn runner(candidate: u32) -> String {
    scene::runner(candidate)
}
