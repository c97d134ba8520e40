//! A name server that says what it is told to, over UDP.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record,
        rdata::{A, CNAME, MX, SOA},
    },
};

/// What it says to one question.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Records(Vec<RData>),
    NoSuchName,
    NoSuchType,
    Failure,
    Nothing,
}

impl Says {
    /// Records as a zone file writes them: `10.0.0.7`, `10 mail.example.`, `target.example.`
    pub(crate) fn records(texts: &[&str]) -> Says {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let record = |text: &&str| match text.split_once(' ') {
            Some((preference, host)) => RData::MX(MX::new(preference.parse().unwrap(), name(host))),
            None => match text.parse() {
                Ok(address) => RData::A(A(address)),
                Err(_) => RData::CNAME(CNAME(name(text))),
            },
        };
        Says::Records(texts.iter().map(record).collect())
    }

    pub(crate) fn has_addresses(&self) -> bool {
        matches!(self, Says::Records(records) if matches!(records[0], RData::A(_)))
    }
}

/// Ends when dropped.
pub(crate) struct NameServer {
    ended: Arc<AtomicBool>,
}

impl NameServer {
    /// Answers by name, without the dot at its end, and type: `A`.
    pub(crate) fn start(
        at: &str,
        answer: impl Fn(&str, &str) -> Says + Send + 'static,
    ) -> NameServer {
        let socket = UdpSocket::bind(at).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let asked = Message::from_vec(&buffer[..length]).unwrap();
                let query = &asked.queries[0];
                let name = query.name().to_ascii();
                let says = answer(name.trim_end_matches('.'), &query.query_type().to_string());
                if let Some(reply) = reply(&asked, says) {
                    socket.send_to(&reply, from).unwrap();
                }
            }
        });
        NameServer { ended }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn reply(asked: &Message, says: Says) -> Option<Vec<u8>> {
    let query = asked.queries[0].clone();
    let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
    reply.metadata.recursion_available = true;
    let code = match says {
        Says::Records(records) => {
            let name = query.name().clone();
            reply.add_answers(
                records
                    .into_iter()
                    .map(|data| Record::from_rdata(name.clone(), 60, data)),
            );
            ResponseCode::NoError
        }
        Says::NoSuchName => ResponseCode::NXDomain,
        Says::NoSuchType => ResponseCode::NoError,
        Says::Failure => ResponseCode::ServFail,
        Says::Nothing => return None,
    };
    reply.metadata.response_code = code;
    if reply.answers.is_empty() && code != ResponseCode::ServFail {
        // By this, an absence is one (RFC 2308 §2).
        let zone = Name::from_ascii("example.com.").unwrap();
        let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, 60);
        reply.add_authority(Record::from_rdata(zone, 60, RData::SOA(soa)));
    }
    reply.add_query(query);
    Some(reply.to_vec().unwrap())
}
