//! That the wire between the hosts does what a plan says of it.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use test_servers::{Hosts, Way};

const PATIENCE: Duration = Duration::from_secs(30);

fn socket(hosts: &Hosts, host: u8) -> UdpSocket {
    let socket = hosts.on(host, || UdpSocket::bind((Hosts::address(host), 0)).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn send(from: &UdpSocket, to: &UdpSocket, what: &[u8]) {
    from.send_to(what, to.local_addr().unwrap()).unwrap();
}

fn heard(at: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 64];
    let length = at.recv(&mut buffer).expect("a packet");
    buffer[..length].to_vec()
}

#[test]
fn a_way_that_is_cut_lets_nothing_through_and_the_way_back_still_does() {
    let hosts = Hosts::new(3, 1);
    let [one, two, three] = [0, 1, 2].map(|host| socket(&hosts, host));
    let cut = Way {
        cut: true,
        ..Way::default()
    };
    hosts.set(0, 1, cut);
    send(&one, &two, b"lost");
    send(&two, &one, b"back");
    assert_eq!(heard(&one), b"back");
    // Packets leave a host in their order: where this one has arrived, the lost one is lost.
    send(&one, &three, b"aside");
    assert_eq!(heard(&three), b"aside");
    hosts.set(0, 1, Way::default());
    send(&one, &two, b"mended");
    assert_eq!(heard(&two), b"mended");
}

#[test]
fn a_slow_way_delays_what_goes_over_it_and_keeps_its_order() {
    let hosts = Hosts::new(2, 1);
    let (one, two) = (socket(&hosts, 0), socket(&hosts, 1));
    let delay = Duration::from_millis(150);
    hosts.set(
        0,
        1,
        Way {
            delay,
            ..Way::default()
        },
    );
    let begin = Instant::now();
    for number in 0..20_u8 {
        send(&one, &two, &[number]);
    }
    for number in 0..20_u8 {
        assert_eq!(heard(&two), [number]);
    }
    assert!(begin.elapsed() >= delay, "{:?}", begin.elapsed());
}

#[test]
fn a_lossy_way_loses_some_and_not_all() {
    let hosts = Hosts::new(2, 7);
    let (one, two) = (socket(&hosts, 0), socket(&hosts, 1));
    hosts.set(
        0,
        1,
        Way {
            loss: 50,
            ..Way::default()
        },
    );
    for number in 0..100_u8 {
        send(&one, &two, &[number]);
    }
    // The way stays as it is: of so many one arrives.
    for _ in 0..60 {
        send(&one, &two, &[255]);
    }
    let mut arrived = 0;
    while heard(&two) != [255] {
        arrived += 1;
    }
    assert!((10..90).contains(&arrived), "{arrived} of 100");
}
