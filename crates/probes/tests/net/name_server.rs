//! A name server of the test: says what it is told to, over UDP.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hickory_resolver::proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::SOA},
};
use tokio::{net::UdpSocket, task::JoinHandle};

/// What it says to one question.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Records(Vec<RData>),
    Code(ResponseCode),
    Nothing,
}

/// Ends when dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start(
        address: &str,
        answer: impl Fn(&str, RecordType) -> Says + Send + 'static,
    ) -> NameServer {
        let socket = UdpSocket::bind(address).await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let questions = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let request = Message::from_vec(&buffer[..length]).unwrap();
                let query = request.queries[0].clone();
                let name = query.name().to_ascii();
                questions
                    .lock()
                    .unwrap()
                    .push(format!("{} {name}", query.query_type()));
                let says = answer(name.trim_end_matches('.'), query.query_type());
                if let Some(reply) = reply(&request, query, says) {
                    socket.send_to(&reply, from).await.unwrap();
                }
            }
        });
        NameServer {
            address,
            asked,
            task,
        }
    }

    /// What it was asked so far: `A db.example.`
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn reply(request: &Message, query: Query, says: Says) -> Option<Vec<u8>> {
    let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
    reply.metadata.recursion_available = true;
    match says {
        Says::Records(records) => {
            let name = query.name().clone();
            reply.add_answers(
                records
                    .into_iter()
                    .map(|data| Record::from_rdata(name.clone(), 60, data)),
            );
        }
        Says::Code(code) => {
            reply.metadata.response_code = code;
            // By this, an absence may be remembered for an hour (RFC 2308 §5).
            let zone = Name::from_ascii("example.").unwrap();
            let soa = SOA::new(zone.clone(), zone.clone(), 1, 3600, 3600, 3600, 3600);
            reply.add_authority(Record::from_rdata(zone, 3600, RData::SOA(soa)));
        }
        Says::Nothing => return None,
    }
    reply.add_query(query);
    Some(reply.to_vec().unwrap())
}
