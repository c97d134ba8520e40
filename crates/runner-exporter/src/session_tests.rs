use super::*;

/// Takes in what was said, each with the seconds after ten o'clock.
fn session(said: &[(u32, &str)]) -> (Session, i64) {
    let mut session = Session::default();
    for (second, text) in said {
        let at = format!("2026-03-01 10:{:02}:{:02}Z", second / 60, second % 60);
        let (source, text) = text.split_once(": ").unwrap();
        let text = text.replace("{at}", &at);
        session.line(&format!("[{at} INFO {source}] {text}"));
    }
    (session, unix("2026-03-01", "10:00:00Z").unwrap())
}

/// The verdict at a second after ten, where the log is read for the first time then.
fn verdict(said: &[(u32, &str)], at: i64) -> Verdict {
    let (mut session, ten) = session(said);
    let now = Instant::now();
    session.read_at(now, ten + at, None);
    session.verdict(now)
}

const LISTENING: (u32, &str) = (1, "Terminal: WRITE LINE: {at}: Listening for Jobs");

#[test]
fn a_listener_that_listens_stays_connected_however_long_it_is_silent() {
    assert_eq!(verdict(&[LISTENING], 86_400), Verdict::Connected);
}

#[test]
fn a_listener_without_a_session_is_not_connected() {
    let asks = (0, "BrokerMessageListener: Attempt to create session.");
    assert_eq!(verdict(&[asks], 600), Verdict::Lost(Loss::Connecting));
    let fails = (
        5,
        "BrokerMessageListener: Catch exception during create session.",
    );
    // Silence does not heal this one: a session that is made is always written.
    assert_eq!(
        verdict(&[asks, fails], 86_400),
        Verdict::Lost(Loss::Disconnected)
    );
    let made = (60, "BrokerMessageListener: Session created.");
    assert_eq!(verdict(&[asks, fails, made], 61), Verdict::Connected);
}

#[test]
fn one_failed_request_is_no_loss_yet_and_the_second_in_a_row_is() {
    let failed = (30, "BrokerServer: Catch exception during request");
    let again = (50, "BrokerServer: Catch exception during request");
    assert_eq!(verdict(&[LISTENING, failed], 40), Verdict::Wavering);
    assert_eq!(
        verdict(&[LISTENING, failed, again], 55),
        Verdict::Lost(Loss::Disconnected)
    );
}

#[test]
fn two_failed_requests_an_hour_apart_are_not_in_a_row() {
    let failed = (0, "BrokerServer: Catch exception during request");
    let later = (3540, "BrokerServer: Catch exception during request");
    assert_eq!(
        verdict(&[LISTENING, failed, later], 3541),
        Verdict::Wavering
    );
}

#[test]
fn a_request_that_the_listener_broke_off_itself_is_no_failure() {
    let said = [
        LISTENING,
        (30, "BrokerServer: Catch exception during request"),
        (
            30,
            "BrokerServer: Back off 11.373 seconds before next retry. 4 attempt left.",
        ),
        (
            30,
            "BrokerMessageListener: Get messages has been cancelled using local token source. Continue to get messages with new status.",
        ),
    ];
    assert_eq!(verdict(&said, 30), Verdict::Connected);
}

const LOST: [(u32, &str); 4] = [
    LISTENING,
    (
        30,
        "BrokerMessageListener: Catch exception during get next message.",
    ),
    (
        30,
        "Terminal: WRITE ERROR: {at}: Runner connect error: Name or service not known. Retrying until reconnected.",
    ),
    (
        30,
        "BrokerMessageListener: Sleeping for 25.5 seconds before retrying.",
    ),
];

#[test]
fn polling_that_fails_is_a_loss_until_the_listener_says_that_it_reconnected() {
    assert_eq!(verdict(&LOST, 31), Verdict::Lost(Loss::Disconnected));
    let mut said = LOST.to_vec();
    said.push((90, "Terminal: WRITE LINE: {at}: Runner reconnected."));
    assert_eq!(verdict(&said, 91), Verdict::Connected);
}

#[test]
fn silence_for_longer_than_any_try_can_take_heals_a_loss_of_the_newer_protocol() {
    assert_eq!(
        verdict(&LOST, 30 + 25 + 110),
        Verdict::Lost(Loss::Disconnected)
    );
    assert_eq!(verdict(&LOST, 30 + 26 + 111), Verdict::Connected);
}

#[test]
fn a_clock_that_jumps_heals_nothing() {
    let (mut session, ten) = session(&LOST);
    let now = Instant::now();
    // Seen at once; the clock then stands an hour later, and an hour earlier.
    session.read_at(now, ten + 3600, Some(Duration::from_secs(15)));
    assert_eq!(session.verdict(now), Verdict::Lost(Loss::Disconnected));
    session.fresh = true;
    session.read_at(now, ten - 3600, Some(Duration::from_secs(15)));
    assert_eq!(session.verdict(now), Verdict::Lost(Loss::Disconnected));
    assert_eq!(
        session.verdict(now + Duration::from_secs(137)),
        Verdict::Connected
    );
}

#[test]
fn the_reason_of_a_loss_outlives_the_general_words_behind_it() {
    let said = [
        (0, "BrokerMessageListener: Attempt to create session."),
        (
            1,
            "BrokerMessageListener: Catch exception during create session.",
        ),
        (
            1,
            "Terminal: WRITE ERROR: A session for this runner already exists.",
        ),
        (
            1,
            "Terminal: WRITE ERROR: {at}: Runner connect error: Error: Conflict. Retrying until reconnected.",
        ),
        (
            1,
            "BrokerMessageListener: Sleeping for 30 seconds before retrying.",
        ),
        (31, "BrokerMessageListener: Attempt to create session."),
    ];
    assert_eq!(verdict(&said, 86_400), Verdict::Lost(Loss::SessionConflict));
}

#[test]
fn each_reason_is_told_apart() {
    let told = |text| verdict(&[LISTENING, (9, text)], 10);
    let deleted = "Terminal: WRITE ERROR: Failed to create a session. The runner registration has been deleted from the server, please re-configure.";
    assert_eq!(told(deleted), Verdict::Lost(Loss::RegistrationDeleted));
    let skewed = "Terminal: WRITE ERROR: The local machine's clock may be out of sync with the server time by more than five minutes.";
    assert_eq!(told(skewed), Verdict::Lost(Loss::ClockSkew));
    let revoked = "MessageListener: Runner OAuth token has been revoked. Unable to pull message.";
    assert_eq!(told(revoked), Verdict::Lost(Loss::TokenRevoked));
    let old = "MessageListener: Runner version has been depricated";
    assert_eq!(told(old), Verdict::Lost(Loss::VersionDeprecated));
    let ends = "HostContext: Runner will be shutdown for UserCancelled";
    assert_eq!(told(ends), Verdict::Lost(Loss::ShuttingDown));
}

#[test]
fn a_jobs_name_cannot_speak_for_the_listener() {
    let mut said = LOST.to_vec();
    said.push((
        31,
        "Terminal: WRITE LINE: {at}: Job x: Listening for Jobs completed with result: Failed",
    ));
    assert_eq!(verdict(&said, 32), Verdict::Lost(Loss::Disconnected));
}

#[test]
fn a_renewed_job_is_word_from_github() {
    let mut said = LOST.to_vec();
    said.push((
        40,
        "JobDispatcher: Successfully renew job 3efb7d06, job is valid till 3/1/2026 10:10:00 AM",
    ));
    assert_eq!(verdict(&said, 41), Verdict::Connected);
}

#[test]
fn lines_that_are_none_are_passed_over() {
    let mut session = Session::default();
    for line in [
        "",
        "[",
        "[x] ",
        "   at System.Net.Http",
        "[2026-13-99 10:00:00Z INFO Terminal] x",
        "[RUNNER",
    ] {
        session.line(line);
    }
    assert_eq!(session.verdict(Instant::now()), Verdict::Untold);
    session.line("[RUNNER 2026-03-01 10:00:00Z INFO Terminal] WRITE LINE: Current runner version: '2.330.0'\r");
    assert_eq!(session.version.as_deref(), Some("2.330.0"));
    session.line("[RUNNER 2026-03-01 10:00:00Z INFO Terminal] WRITE LINE: 2026-03-01 10:00:00Z: Listening for Jobs\r");
    assert_eq!(session.verdict(Instant::now()), Verdict::Connected);
}

#[test]
fn times_are_seconds_since_1970() {
    assert_eq!(unix("1970-01-01", "00:00:00Z"), Some(0));
    assert_eq!(unix("2000-02-29", "12:34:56Z"), Some(951_827_696));
    assert_eq!(unix("2026-03-01", "10:00:00Z"), Some(1_772_359_200));
}
