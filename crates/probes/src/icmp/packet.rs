//! Echo requests and replies as bytes.

use std::hash::{BuildHasher, RandomState};

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST_6: u8 = 128;
const ECHO_REPLY_6: u8 = 129;

/// Type, code, checksum, identifier, sequence number: two bytes each but the first two.
const HEADER: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// How one socket's packets look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    family: Family,
    // A raw IPv4 socket gives the IP header too.
    with_ip_header: bool,
    identifier: u16,
    // Tells our replies from those to other programs on a raw socket, which sees them all.
    nonce: [u8; 8],
}

impl Packet {
    pub(super) fn new(family: Family, raw: bool) -> Packet {
        let random = RandomState::new();
        Packet {
            family,
            with_ip_header: raw && family == Family::V4,
            // An unprivileged socket puts its own here.
            identifier: random.hash_one("identifier") as u16,
            nonce: random.hash_one("nonce").to_be_bytes(),
        }
    }

    pub(super) fn request(&self, sequence: u16) -> [u8; HEADER + 8] {
        let mut bytes = [0; HEADER + 8];
        bytes[0] = match self.family {
            Family::V4 => ECHO_REQUEST,
            Family::V6 => ECHO_REQUEST_6,
        };
        bytes[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
        bytes[HEADER..].copy_from_slice(&self.nonce);
        // For IPv6 the kernel does it, since the addresses count too (RFC 3542 §3.1).
        if self.family == Family::V4 {
            let sum = checksum(&bytes);
            bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        bytes
    }

    /// The sequence number, where `bytes` are a reply to one of ours.
    pub(super) fn reply(&self, bytes: &[u8]) -> Option<u16> {
        let bytes = if self.with_ip_header {
            let words = bytes.first()? & 0x0f;
            bytes.get(usize::from(words) * 4..)?
        } else {
            bytes
        };
        let wanted = match self.family {
            Family::V4 => ECHO_REPLY,
            Family::V6 => ECHO_REPLY_6,
        };
        let ours = *bytes.first()? == wanted && bytes.get(HEADER..HEADER + 8)? == self.nonce;
        ours.then(|| u16::from_be_bytes([bytes[6], bytes[7]]))
    }
}

/// RFC 1071, for an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_whole_packet_is_zero() {
        let packet = Packet::new(Family::V4, false);
        assert_eq!(checksum(&packet.request(513)), 0);
    }

    #[test]
    fn a_reply_gives_its_sequence_number_back() {
        for (family, kind) in [(Family::V4, ECHO_REPLY), (Family::V6, ECHO_REPLY_6)] {
            let packet = Packet::new(family, false);
            let mut bytes = packet.request(513);
            assert_eq!(packet.reply(&bytes), None, "a request is no reply");
            bytes[0] = kind;
            assert_eq!(packet.reply(&bytes), Some(513));
        }
    }

    #[test]
    fn a_raw_socket_gives_the_ip_header_too() {
        let packet = Packet::new(Family::V4, true);
        let mut reply = packet.request(7);
        reply[0] = ECHO_REPLY;
        let mut bytes = vec![0x46; 24];
        bytes.extend(reply);
        assert_eq!(packet.reply(&bytes), Some(7));
    }

    #[test]
    fn replies_to_others_and_fragments_are_nobody_s() {
        let (mine, other) = (
            Packet::new(Family::V4, false),
            Packet::new(Family::V4, false),
        );
        let mut reply = other.request(7);
        reply[0] = ECHO_REPLY;
        assert_eq!(mine.reply(&reply), None);
        let raw = Packet::new(Family::V4, true);
        for length in 0..16 {
            assert_eq!(mine.reply(&reply[..length]), None);
            assert_eq!(raw.reply(&[0x4f; 64][..length]), None);
        }
    }
}
