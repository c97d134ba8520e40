//! The service that runs in production: it answers `/health` with the version that it was last told to serve.
//!
//! It is this program again, started as `scenarios --serve-production FOLDER`. SIGHUP lets it read the version anew, as a
//! service manager's reload would.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// The argument that makes this program the service.
pub(crate) const ARGUMENT: &str = "--serve-production";

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until it is killed.
pub(crate) fn serve(folder: &Path) -> ExitCode {
    match run(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unheard = writeln!(io::stderr(), "the service failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> io::Result<()> {
    let read = |folder: &Path| fs::read_to_string(folder.join("current/version"));
    let version = Arc::new(Mutex::new(read(folder)?));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut reload = {
        let _entered = runtime.enter();
        signal(SignalKind::hangup())?
    };
    let (folder, shared) = (folder.to_owned(), Arc::clone(&version));
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    // What waits for it reads whole files alone: written beside, then renamed.
    for (name, number) in [
        ("service.pid", std::process::id()),
        ("service.port", u32::from(listener.local_addr()?.port())),
    ] {
        let new = folder.join(format!("{name}.new"));
        fs::write(&new, number.to_string())?;
        fs::rename(new, folder.join(name))?;
    }
    thread::spawn(move || {
        runtime.block_on(async {
            while reload.recv().await.is_some() {
                if let (Ok(new), Ok(mut version)) = (read(&folder), shared.lock()) {
                    *version = new;
                }
            }
        });
    });
    for stream in listener.incoming().flatten() {
        let version = Arc::clone(&version);
        // A client that went away is its own affair.
        thread::spawn(move || answer(&stream, &version));
    }
    Ok(())
}

fn answer(mut stream: &TcpStream, version: &Mutex<String>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let Some(asked) = lines.next().transpose()? else {
        return Ok(());
    };
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let (status, body) = if asked.starts_with("GET /health ") {
        let version = version.lock().map(|v| v.trim().to_owned());
        let body = serde_json::json!({"status": "healthy", "version": version.unwrap_or_default()});
        ("200 OK", body.to_string())
    } else {
        ("404 Not Found", String::new())
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
