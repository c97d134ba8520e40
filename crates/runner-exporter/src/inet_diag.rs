//! The kernel's TCP connections by sock_diag(7), which costs a twentieth of `/proc/net/tcp` and tells the control group as
//! well.
//!
//! Responsible for one dump of this process's own network. Not responsible for whose connections they are: see `sockets`.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    time::Duration,
};

use nix::sys::{
    socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
        sockopt::ReceiveTimeout,
    },
    time::TimeVal,
};

use crate::sockets::{ESTABLISHED, SYN_SENT};

/// include/uapi/linux/sock_diag.h, netlink.h, inet_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const INET_DIAG_CGROUP_ID: u16 = 21;
const HEADER: usize = 16;
/// The fixed part of an `inet_diag_msg`.
const MESSAGE: usize = 72;
/// The kernel answers at once; this stands for "never".
const PATIENCE: Duration = Duration::from_secs(1);

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) state: u8,
    pub(crate) user: u32,
    pub(crate) inode: u64,
    /// Of the version 2 hierarchy: the inode of the group's folder.
    pub(crate) group: Option<u64>,
}

/// All connections that stand or are being made.
///
/// # Errors
/// The kernel does not speak sock_diag, or this process may not ask.
pub(crate) fn connections() -> io::Result<Vec<Entry>> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let seconds = i64::try_from(PATIENCE.as_secs()).unwrap_or(1);
    setsockopt(&socket, ReceiveTimeout, &TimeVal::new(seconds, 0))?;
    let mut entries = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        dump(&socket, family, &mut entries)?;
    }
    Ok(entries)
}

fn dump(socket: &OwnedFd, family: AddressFamily, entries: &mut Vec<Entry>) -> io::Result<()> {
    send(socket.as_raw_fd(), &request(family), MsgFlags::empty())?;
    let mut bytes = vec![0; 32 * 1024];
    loop {
        let read = recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty())?;
        if understand(&bytes[..read], entries)? {
            return Ok(());
        }
    }
}

/// A header, and an `inet_diag_req_v2` that asks for every connection in two states.
fn request(family: AddressFamily) -> Vec<u8> {
    const LENGTH: usize = HEADER + 56;
    let states = 1_u32 << ESTABLISHED | 1 << SYN_SENT;
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend((LENGTH as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    bytes.resize(HEADER, 0);
    let protocol = SockProtocol::Tcp as u8;
    bytes.extend([family as u8, protocol, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.resize(LENGTH, 0);
    bytes
}

/// Reads one piece of the answer; says whether it was the last.
fn understand(mut bytes: &[u8], entries: &mut Vec<Entry>) -> io::Result<bool> {
    while bytes.len() >= HEADER {
        let length = number(bytes, 0) as usize;
        if length < HEADER || length > bytes.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let body = &bytes[HEADER..length];
        match (number(bytes, 4) & 0xffff) as u16 {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = if body.len() >= 4 {
                    number(body, 0).cast_signed()
                } else {
                    0
                };
                return Err(io::Error::from_raw_os_error(-code));
            }
            SOCK_DIAG_BY_FAMILY if body.len() >= MESSAGE => entries.push(Entry {
                state: body[1],
                user: number(body, 64),
                inode: number(body, 68).into(),
                group: attribute(&body[MESSAGE..], INET_DIAG_CGROUP_ID),
            }),
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// An attribute of eight bytes.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<u64> {
    while bytes.len() >= 4 {
        let head = number(bytes, 0);
        let [length, kind] = halves(head);
        if usize::from(length) < 4 {
            return None;
        }
        if kind == wanted {
            let value = bytes.get(4..12)?;
            return Some(u64::from_ne_bytes(value.try_into().ok()?));
        }
        bytes = bytes.get(usize::from(length).next_multiple_of(4)..)?;
    }
    None
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_ne_bytes(four.unwrap_or_default())
}

/// The two halves of a word as they lie in memory.
fn halves(word: u32) -> [u16; 2] {
    let [a, b, c, d] = word.to_ne_bytes();
    [u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn an_answer_is_read_to_its_end_with_the_control_group() {
        let mut body = vec![0; MESSAGE];
        body[1] = ESTABLISHED;
        body[64..68].copy_from_slice(&1000_u32.to_ne_bytes());
        body[68..72].copy_from_slice(&77_u32.to_ne_bytes());
        // Another attribute before it, of a length that is filled up.
        body.extend([5, 0, 8, 0, 1, 0, 0, 0]);
        body.extend([12, 0, 21, 0]);
        body.extend(4711_u64.to_ne_bytes());
        let mut entries = Vec::new();
        let mut bytes = message(SOCK_DIAG_BY_FAMILY, &body);
        assert!(!understand(&bytes, &mut entries).unwrap());
        bytes.extend(message(NLMSG_DONE, &[0; 4]));
        assert!(understand(&bytes, &mut entries).unwrap());
        let entry = Entry {
            state: ESTABLISHED,
            user: 1000,
            inode: 77,
            group: Some(4711),
        };
        assert_eq!(entries, [entry, entry]);
    }

    #[test]
    fn a_refusal_is_the_systems_error() {
        let bytes = message(NLMSG_ERROR, &(-13_i32).to_ne_bytes());
        let error = understand(&bytes, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let broken = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(understand(&broken, &mut Vec::new()).is_err());
    }
}
