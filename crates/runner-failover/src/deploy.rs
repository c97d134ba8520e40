//! Mode `deploy`: one candidate, from its announcement to its report.

use std::{path::PathBuf, time::Duration};

use actions_kit::{CandidateFile, ExitCode, Outputs, Summary, candidate_file::Hook};
use anyhow::Context as _;
use lease::{
    protocol::{Candidate, CandidateConfig, Conclusion},
    shell,
};
use leg::{Carried, CommandHands, Printed, ThisHost, UserCommands, Voice};

use crate::{
    caution::Cautious,
    closing, command_output,
    config::{Config, DeployMode, Lock},
    diagnosing::{self, End},
    report::{self, About, Report},
    rerun, results,
    story::Story,
};

/// How long cleaning up behind us may take.
const TIDY_WITHIN: Duration = Duration::from_secs(15);

/// How many of the command's last lines the summary of a failure shows.
const LAST_LINES: usize = 30;

/// Runs it.
///
/// # Errors
/// What this host lacks: a folder for temporary files, a watchdog. A store that does not answer is reported, not an
/// error.
pub(crate) async fn run(
    config: &Config,
    lock: &Lock,
    mode: &DeployMode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let me = &mode.candidate.me;
    let leg = (me.candidate, mode.candidate.candidates);
    let kind = rerun::kind(config, &mode.candidate.deployment, Some(leg), voice).await;
    let candidate = CandidateConfig {
        rerun: kind,
        ..mode.candidate.clone()
    };
    let timing = candidate.policy.timing;
    let mut file = leave_for_later_steps(config, mode, voice)?;
    let output_file = output_path(mode);
    leg::make_output_file(&output_file)
        .with_context(|| format!("make {} for the command's outputs", output_file.display()))?;
    let mut environment = mode.inherited.clone();
    let deployment = &mode.candidate.deployment;
    let carried = Carried {
        deployment: &deployment.id,
        environment: &config.target,
        version: &deployment.version,
        role: &me.role.to_string(),
        runner: &me.runner,
        actor: &deployment.actor,
    };
    environment.extend(carried.variables());
    let commands = UserCommands {
        deploy: Some(mode.run.clone()),
        on_failure: mode.on_failure.clone(),
        working_directory: mode.working_directory.clone(),
        grace: mode.grace,
        kill_time: timing.kill,
        temp: mode.temp.clone(),
        environment,
        output_file,
    };
    let mut hands = CommandHands::new(commands, config.redactor.clone(), voice)
        .context("start the watchdog")?;
    voice.say(&format!(
        "{me} for {} ({}), store {}",
        lock.name,
        candidate.deployment.id,
        lock.place.text()
    ));
    let store = match lock
        .place
        .open(&lock.name, timing.request_timeout, timing.poll)
        .await
    {
        Ok(store) => store,
        Err(error) => {
            let (report, story) = (report::store_lost(&error.to_string()), Story::default());
            file.other.insert(leg::STOOD_BY.to_owned(), true.into());
            write_candidate_file(&file, mode, voice);
            let code = tell(config, mode, &report, &story, &[], true, voice);
            let end = End {
                report: &report,
                story: &story,
                last_lines: &[],
            };
            leave_diagnostics(config, lock, mode, &end, &mut file, voice).await;
            return Ok(code);
        }
    };
    let mut actor = Cautious::new(Candidate::new(candidate), &store, timing.deadline, voice);
    let conclusion = shell::run(&mut actor, &store, timing.poll, &ThisHost, &mut hands).await;
    let conclusion = conclusion.context("come to a conclusion")?;
    // What processes that would not die have printed is told too.
    hands.read_output();
    let (received, tail) = (hands.received, std::mem::take(&mut hands.tail));
    let has_run = hands.has_run();
    let carried_it = has_run || carried_without_running(&conclusion);
    let printed = hands.take_printed();
    hands.close().await;
    let id = &mode.candidate.deployment.id;
    let hurried = matches!(
        conclusion,
        Conclusion::Signalled { .. } | Conclusion::StoreLost(_)
    );
    let story = match actor.seen() {
        Some(seen) if hurried => Story::of(seen, id),
        seen => Story::read_or(&store, id, seen, voice).await,
    };
    let about = About {
        version: &mode.candidate.deployment.version,
        target: &config.target,
        me: me.to_string(),
        received,
        state: story.state.as_ref(),
    };
    let mut report = report::candidate(&conclusion, &about);
    if let (Conclusion::LostLease { .. }, Some(time)) = (&conclusion, actor.stood_still()) {
        report.now = Some(format!(
            "This process stood still for {} s, so it was suspended, or this host was (a paused or migrated virtual machine, \
             a laptop's lid): look why, before this runner is used again.",
            time.as_secs()
        ));
    }
    if let Conclusion::Proceed { token, .. } = conclusion {
        file.fencing_token = Some(token);
        file.outcome = Some(report.outcome.clone());
    }
    if !may_be_tried_again(&conclusion) {
        file.other.insert(
            "deployed_locks".to_owned(),
            mode.deployed_locks.clone().into(),
        );
    }
    file.other
        .insert(leg::STOOD_BY.to_owned(), (!carried_it).into());
    write_candidate_file(&file, mode, voice);
    let due = diagnosing::is_due(&conclusion, &report, carried_it);
    let code = tell(config, mode, &report, &story, &tail, due, voice);
    // Nobody waits for the rest: it takes a while, and a runner that stops meanwhile loses nothing else.
    if has_run {
        leave_output(&printed, config, mode, &mut file, voice);
    }
    if due {
        let end = End {
            report: &report,
            story: &story,
            last_lines: &tail,
        };
        leave_diagnostics(config, lock, mode, &end, &mut file, voice).await;
    }
    if report.whole_story && !hurried {
        let _late = tokio::time::timeout(TIDY_WITHIN, store.tidy()).await;
    }
    Ok(code)
}

/// Whether a candidate that started no command carried the deployment all the same, or wrote its end: its numbers are
/// nobody else's to tell.
fn carried_without_running(conclusion: &Conclusion) -> bool {
    matches!(
        conclusion,
        Conclusion::Proceed { .. }
            | Conclusion::HandedOver { .. }
            | Conclusion::LostLease { .. }
            | Conclusion::Over { by_me: true, .. }
            | Conclusion::Signalled { held: true, .. }
    )
}

/// The command's output, for a later step that ships it.
fn leave_output(
    printed: &Printed,
    config: &Config,
    mode: &DeployMode,
    file: &mut CandidateFile,
    voice: &Voice,
) {
    let path = command_output::path(&mode.temp);
    match command_output::leave(&path, &printed.of_deploy(&config.redactor)) {
        Ok(()) => {
            let path = path.display().to_string();
            file.other
                .insert(leg::COMMAND_OUTPUT.to_owned(), path.into());
            write_candidate_file(file, mode, voice);
        }
        Err(error) => voice.warning(&format!(
            "failed to leave the command's output in {}: {error}",
            path.display()
        )),
    }
}

async fn leave_diagnostics(
    config: &Config,
    lock: &Lock,
    mode: &DeployMode,
    end: &End<'_>,
    file: &mut CandidateFile,
    voice: &Voice,
) {
    if let Some(path) = diagnosing::leave(config, lock, mode, end, voice).await {
        let path = path.display().to_string();
        file.other.insert(leg::DIAGNOSTICS.to_owned(), path.into());
        write_candidate_file(file, mode, voice);
    }
}

/// Whether another step of this job may deploy the same once more: this one came to nothing and changed nothing.
fn may_be_tried_again(conclusion: &Conclusion) -> bool {
    matches!(
        conclusion,
        Conclusion::StoreLost(_)
            | Conclusion::Held { .. }
            | Conclusion::QueueTimeout { .. }
            | Conclusion::NumberTaken { .. }
    )
}

fn leave_for_later_steps(
    config: &Config,
    mode: &DeployMode,
    voice: &Voice,
) -> anyhow::Result<CandidateFile> {
    let candidate = &mode.candidate;
    let me = &candidate.me;
    let mut file = CandidateFile::new(
        candidate.deployment.id.clone(),
        config.target.clone(),
        me.candidate,
        candidate.candidates,
        me.role.to_string(),
    );
    file.lock_name.clone_from(&mode.lock_name);
    if file.set_store(&mode.store) == actions_kit::candidate_file::StoreKept::LeftOut {
        voice.say(
            "the store's address holds credentials: later baton steps need the input `store` too",
        );
    }
    file.version = Some(candidate.deployment.version.clone());
    file.on_failure = mode.on_failure.clone().map(|run| Hook {
        run,
        working_directory: Some(mode.working_directory.clone()),
        timeout_seconds: Some(candidate.attempt_timeout.as_secs()),
        grace_millis: Some(mode.grace.as_millis() as u64),
    });
    file.await_gates = Some(candidate.await_gates);
    file.other
        .insert(leg::INSTANCE.to_owned(), candidate.instance.clone().into());
    // This step's own lock joins them once it is known what came of it.
    if let Some((_own, earlier)) = mode.deployed_locks.split_last() {
        file.other
            .insert("deployed_locks".to_owned(), earlier.to_vec().into());
    }
    write_candidate_file(&file, mode, voice);
    Ok(file)
}

/// Later steps can be told everything by inputs: a folder that cannot be written is no reason not to deploy.
fn write_candidate_file(file: &CandidateFile, mode: &DeployMode, voice: &Voice) {
    if let Err(error) = file.write(&mode.temp, &mode.for_file) {
        voice.warning(&format!(
            "failed to {error}; later baton steps need their inputs repeated"
        ));
    }
}

/// Where the command puts its outputs.
fn output_path(mode: &DeployMode) -> PathBuf {
    leg::output_file(&mode.temp, &mode.candidate.instance)
}

fn tell(
    config: &Config,
    mode: &DeployMode,
    report: &Report,
    story: &Story,
    tail: &[String],
    diagnostics_follow: bool,
    voice: &Voice,
) -> ExitCode {
    let mut outputs = Outputs::new();
    outputs
        .set("outcome", report.outcome.clone())
        .set("proceed", report.proceed.to_string());
    if !diagnostics_follow {
        outputs.set(diagnosing::OUTPUT, "");
    }
    story.outputs(&mode.candidate.deployment.id, &mut outputs);
    let output_file = output_path(mode);
    outputs.set(
        "results",
        if report.proceed {
            results::read(&output_file, voice)
        } else {
            "{}".to_owned()
        },
    );
    let _gone = std::fs::remove_file(&output_file);
    let mut summary = Summary::new();
    summary.paragraph(&report.line());
    report.tell_what_now(&mut summary);
    if report.whole_story {
        story.tell(&mut summary);
        if report.exit != ExitCode::Success && !tail.is_empty() {
            let from = tail.len().saturating_sub(LAST_LINES);
            summary.folded("The command's last lines here", &tail[from..].join("\n"));
        }
    }
    // Without `proceed` the steps behind this one are left out, and nobody would know.
    let unheard = report.proceed.then_some(
        "the steps that follow a deployment cannot be told to run; it is deployed all the same",
    );
    closing::finish(config, report, &outputs, &summary, unheard, voice)
}
