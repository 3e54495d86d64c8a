//! Echo messages, octet by octet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netfwd_common::csum;

/// ICMP types (RFC 792) and ICMPv6 ones (RFC 4443 §3.2, §4).
const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const UNREACHABLE_V4: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;
const TOO_BIG_V6: u8 = 2;
/// Protocol numbers.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Octets of the headers.
const ECHO: usize = 8;
const IPV4: usize = 20;
const IPV6: usize = 40;

/// Which probe: whose, and the how manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Identifier.
    pub id: u16,
    /// Sequence number.
    pub sequence: u16,
}

/// What is heard of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An address answered.
    Answer {
        /// It.
        from: IpAddr,
        /// Which probe.
        tag: Tag,
    },
    /// A router could not send a probe on.
    TooBig {
        /// Where it was to go.
        to: IpAddr,
        /// Which probe.
        tag: Tag,
        /// The MTU of its next link, where it says one (RFC 1191 §4: older ones do not).
        mtu: Option<u32>,
    },
}

/// An echo request that makes an IP packet of so many octets. The kernel writes the IP header, and the
/// checksum of ICMPv6 (RFC 3542 §3.1).
pub(super) fn request(is_v4: bool, tag: Tag, octets: usize) -> Vec<u8> {
    let (kind, header) = if is_v4 {
        (REQUEST_V4, IPV4)
    } else {
        (REQUEST_V6, IPV6)
    };
    let mut message = vec![0; octets.saturating_sub(header).max(ECHO)];
    message[0] = kind;
    message[4..6].copy_from_slice(&tag.id.to_be_bytes());
    message[6..8].copy_from_slice(&tag.sequence.to_be_bytes());
    if is_v4 {
        let check = !csum::fold(csum::add(0, &message));
        message[2..4].copy_from_slice(&check.to_be_bytes());
    }
    message
}

/// What an IPv4 packet says of a probe.
pub(super) fn heard_v4(packet: &[u8]) -> Option<Heard> {
    let (from, _, message) = split_v4(packet)?;
    match message {
        [REPLY_V4, 0, ..] => Some(Heard::Answer {
            from: from.into(),
            tag: tag(message)?,
        }),
        [
            UNREACHABLE_V4,
            FRAGMENTATION_NEEDED,
            _,
            _,
            _,
            _,
            a,
            b,
            sent @ ..,
        ] => {
            let (_, to, request) = split_v4(sent)?;
            let mtu = u32::from(u16::from_be_bytes([*a, *b]));
            too_big(to.into(), request, REQUEST_V4, mtu)
        }
        _ => None,
    }
}

/// What an ICMPv6 message says of a probe.
pub(super) fn heard_v6(from: Ipv6Addr, message: &[u8]) -> Option<Heard> {
    match message {
        [REPLY_V6, 0, ..] => Some(Heard::Answer {
            from: from.into(),
            tag: tag(message)?,
        }),
        [TOO_BIG_V6, _, _, _, a, b, c, d, sent @ ..] => {
            let (header, request) = sent.split_first_chunk::<IPV6>()?;
            let to: [u8; 16] = header[24..].try_into().ok()?;
            let mtu = u32::from_be_bytes([*a, *b, *c, *d]);
            let is_icmp = header[6] == ICMPV6;
            is_icmp
                .then(|| too_big(Ipv6Addr::from(to).into(), request, REQUEST_V6, mtu))
                .flatten()
        }
        _ => None,
    }
}

/// Source, destination and payload of an IPv4 packet of ICMP.
fn split_v4(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr, &[u8])> {
    let header = packet.first_chunk::<IPV4>()?;
    let address =
        |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let payload = packet.get(usize::from(header[0] & 0x0f) * 4..)?;
    (header[9] == ICMP).then(|| (address(12), address(16), payload))
}

fn too_big(to: IpAddr, request: &[u8], kind: u8, mtu: u32) -> Option<Heard> {
    let tag = tag(request).filter(|_| request[0] == kind)?;
    let mtu = (mtu != 0).then_some(mtu);
    Some(Heard::TooBig { to, tag, mtu })
}

fn tag(message: &[u8]) -> Option<Tag> {
    let [_, _, _, _, a, b, c, d] = message.first_chunk::<ECHO>()?;
    Some(Tag {
        id: u16::from_be_bytes([*a, *b]),
        sequence: u16::from_be_bytes([*c, *d]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag {
        id: 0x1234,
        sequence: 0xabcd,
    };

    fn packet_v4(from: [u8; 4], to: [u8; 4], message: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, ICMP, 0, 0];
        packet.extend(from);
        packet.extend(to);
        packet.extend(message);
        packet
    }

    #[test]
    fn a_request_has_the_size_and_its_checksum() {
        let message = request(true, TAG, 1400);
        assert_eq!(message.len(), 1380);
        assert_eq!(csum::fold(csum::add(0, &message)), 0xffff);
        assert_eq!(request(false, TAG, 1400).len(), 1360);
        assert_eq!(request(true, TAG, 0).len(), ECHO);
    }

    #[test]
    fn answers_are_told_from_requests() {
        let mut message = request(true, TAG, 28);
        assert_eq!(heard_v4(&packet_v4([1; 4], [2; 4], &message)), None);
        message[0] = REPLY_V4;
        let from = Ipv4Addr::from([1; 4]).into();
        let answer = Some(Heard::Answer { from, tag: TAG });
        assert_eq!(heard_v4(&packet_v4([1; 4], [2; 4], &message)), answer);
        assert_eq!(heard_v4(&packet_v4([1; 4], [2; 4], &message[..7])), None);
    }

    #[test]
    fn a_router_names_the_probe_and_its_mtu() {
        let sent = packet_v4([2; 4], [1; 4], &request(true, TAG, 28));
        let mut error = vec![UNREACHABLE_V4, FRAGMENTATION_NEEDED, 0, 0, 0, 0, 0x05, 0x78];
        error.extend(&sent);
        let heard = heard_v4(&packet_v4([9; 4], [2; 4], &error));
        let to = Ipv4Addr::from([1; 4]).into();
        let (tag, mtu) = (TAG, Some(1400));
        assert_eq!(heard, Some(Heard::TooBig { to, tag, mtu }));
        error[6..8].fill(0);
        let heard = heard_v4(&packet_v4([9; 4], [2; 4], &error));
        let mtu = None;
        assert_eq!(heard, Some(Heard::TooBig { to, tag, mtu }));
    }

    #[test]
    fn so_it_is_in_ipv6() {
        let far = Ipv6Addr::from([7; 16]);
        let mut sent = vec![0x60, 0, 0, 0, 0, 8, ICMPV6, 64];
        sent.extend([2; 16]);
        sent.extend(far.octets());
        sent.extend(request(false, TAG, 48));
        let mut error = vec![TOO_BIG_V6, 0, 0, 0, 0, 0, 0x05, 0x78];
        error.extend(&sent);
        let (to, tag, mtu) = (far.into(), TAG, Some(1400));
        let heard = heard_v6([9; 16].into(), &error);
        assert_eq!(heard, Some(Heard::TooBig { to, tag, mtu }));
        error[8 + 6] = 17;
        assert_eq!(heard_v6([9; 16].into(), &error), None, "not ICMPv6");
    }
}
