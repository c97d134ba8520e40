//! Clients that are slow, wrong, or too many.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use crate::host::{Exporter, Host, Server};

fn exporter() -> (Host, Exporter) {
    let host = Host::new();
    host.runner("runner-1");
    let exporter = host.export(&[]);
    (host, exporter)
}

#[test]
fn what_is_not_there_and_what_is_not_done_are_told_apart() {
    let (_host, exporter) = exporter();
    assert_eq!(exporter.get("/nothing").status, 404);
    let answer = exporter.send("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(answer.status, 405);
    assert!(
        answer.head.contains("\r\nAllow: GET, HEAD\r\n"),
        "{}",
        answer.head
    );
    assert_eq!(
        exporter.send("DELETE /nothing HTTP/1.0\r\n\r\n").status,
        404
    );
    assert_eq!(exporter.get("/").status, 200);
}

#[test]
fn head_answers_as_get_without_the_body() {
    let (_host, exporter) = exporter();
    let answer = exporter.send("HEAD /health HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    assert!(
        !answer.head.contains("Content-Length: 0\r\n"),
        "{}",
        answer.head
    );
}

#[test]
fn a_request_that_is_too_long_or_none_gets_an_answer_that_says_so() {
    let (_host, exporter) = exporter();
    assert_eq!(
        exporter
            .send(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)))
            .status,
        414
    );
    assert_eq!(
        exporter
            .send(&format!(
                "GET / HTTP/1.1\r\nA: {}\r\n\r\n",
                "x".repeat(20_000)
            ))
            .status,
        431
    );
    assert_eq!(exporter.send("\u{16}\u{3}\u{1}\u{2}\r\n\r\n").status, 400);
}

#[test]
fn one_connection_serves_scrape_after_scrape() {
    let (_host, exporter) = exporter();
    let mut stream = exporter.connect();
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    // Two at once, then one more.
    stream
        .write_all(format!("{request}{request}").as_bytes())
        .unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 37\r\n\r\nrunner-exporter: /metrics and /health\n";
    let answer = answer.replace(
        "37",
        &"runner-exporter: /metrics and /health\n".len().to_string(),
    );
    let mut got = vec![0; answer.len() * 2];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), answer.repeat(2));
    stream.write_all(request.as_bytes()).unwrap();
    let mut got = vec![0; answer.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), answer);
}

#[test]
fn clients_that_never_end_a_request_or_never_read_stop_nobody() {
    let (_host, exporter) = exporter();
    let began = std::time::Instant::now();
    let mut held = Vec::new();
    for place in 0..300 {
        let mut stream = exporter.connect();
        let text = match place % 3 {
            0 => "",
            1 => "GET /metrics HTT",
            _ => "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        // It may have made room for a later one already.
        let _cut_off = stream.write_all(text.as_bytes());
        held.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(exporter.get("/metrics").status, 200);
    }
    // 64 places, and what it has open for itself: those who came first made room.
    let pid = exporter.process.pid();
    let open = crate::many::descriptors(pid);
    assert!(open < 100, "{open} descriptors after {:?}", began.elapsed());
    drop(held);
}

#[test]
fn a_client_that_asks_and_never_reads_holds_nobody_up_and_is_cut_off() {
    let host = Host::new();
    // Long answers: no buffer of the kernel takes all that is asked for.
    for number in 0..50 {
        host.runner(&format!("runner-{number}"));
    }
    let exporter = host.export(&[]);
    let asked = 2000;
    assert!(exporter.metrics().len() * asked > 64 << 20);
    let mut deaf = exporter.connect();
    deaf.write_all(
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
            .repeat(asked)
            .as_bytes(),
    )
    .unwrap();
    for _ in 0..20 {
        assert_eq!(exporter.get("/health").status, 503);
    }
    // It is told when it says something more.
    deaf.set_nonblocking(true).unwrap();
    test_servers::until(crate::host::PATIENCE, "the end of its connection", || {
        let end = deaf.write(b"G").err()?;
        (end.kind() != ErrorKind::WouldBlock).then_some(())
    });
}

#[test]
fn a_client_that_takes_too_long_for_its_request_is_told_and_cut_off() {
    let (_host, exporter) = exporter();
    let answer = exporter.send("GET /metrics HTTP/1.1\r\nHost:");
    assert_eq!(answer.status, 408);
    // One that says nothing at all gets nothing.
    let mut stream: TcpStream = exporter.connect();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!(answer.is_empty());
}

#[test]
fn a_docker_daemon_that_hangs_holds_no_scrape_up() {
    let host = Host::new();
    let mut runner = host.runner("runner-1");
    runner.listen(&Server::new());
    let socket = host.path("docker.sock");
    let daemon = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let exporter = host.start(host.exporter().arg("--docker-socket").arg(&socket));
    // It never answers; after its time it counts as down.
    test_servers::until(crate::host::PATIENCE, "a daemon that is down", || {
        exporter
            .value("runner_docker_up", &runner)
            .filter(|up| *up == 0.0)
    });
    // It answers one after another.
    let answering = std::thread::spawn(move || {
        while let Ok((mut stream, _)) = daemon.accept() {
            let mut request = [0; 256];
            let read = stream.read(&mut request).unwrap_or(0);
            if request[..read].starts_with(b"QUIT") {
                return;
            }
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        }
    });
    test_servers::until(crate::host::PATIENCE, "a daemon that is up", || {
        exporter
            .value("runner_docker_up", &runner)
            .filter(|up| *up == 1.0)
    });
    std::os::unix::net::UnixStream::connect(&socket)
        .unwrap()
        .write_all(b"QUIT")
        .unwrap();
    answering.join().unwrap();
    std::fs::remove_file(&socket).unwrap();
    test_servers::until(crate::host::PATIENCE, "no daemon", || {
        exporter
            .value("runner_docker_up", &runner)
            .filter(|up| *up == 0.0)
    });
}
