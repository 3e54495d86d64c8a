//! ICMP errors about translated packets (RFC 5508 §4): which messages are errors, and what of the packet that
//! they quote tells its session.

use crate::{
    maps::{Session, SessionKey},
    nat::proto,
};

/// Octets between the start of an error and the packet that it quotes (RFC 792, RFC 4443 §2.1).
pub const HEADER_LEN: usize = 8;
/// Octets of a quoted l4 header that every error has (RFC 792), and that ports or an identifier stand in.
pub const QUOTED: usize = 8;

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// Whether an ICMP message of this type is an error: destination unreachable, time exceeded, parameter
/// problem. Source quench is void (RFC 6633), and a redirect is for the link that it was sent on.
#[inline(always)]
#[must_use]
pub const fn is_error_v4(kind: u8) -> bool {
    matches!(kind, 3 | 11 | 12)
}

/// Whether an `ICMPv6` message of this type is an error that is known: destination unreachable, packet too
/// big, time exceeded, parameter problem (RFC 4443 §2.1).
#[inline(always)]
#[must_use]
pub const fn is_error_v6(kind: u8) -> bool {
    matches!(kind, 1..=4)
}

/// The l4 ports of a header that starts with `b`. An echo's identifier takes the place of the port of
/// the side that sent the request, so that both directions read as one session; a protocol that is
/// translated by address alone has zeros. `None` for ICMP that is no echo.
#[inline(always)]
#[must_use]
pub const fn ports(protocol: u8, b: &[u8; QUOTED]) -> Option<(u16, u16)> {
    let id = u16::from_be_bytes([b[4], b[5]]);
    match (protocol, b[0]) {
        (proto::TCP | proto::UDP | proto::SCTP, _) => Some((
            u16::from_be_bytes([b[0], b[1]]),
            u16::from_be_bytes([b[2], b[3]]),
        )),
        (proto::ICMP, ECHO_REQUEST) | (proto::ICMPV6, ECHO_REQUEST_V6) => Some((id, 0)),
        (proto::ICMP, ECHO_REPLY) | (proto::ICMPV6, ECHO_REPLY_V6) => Some((0, id)),
        (proto::ICMP | proto::ICMPV6, _) => None,
        _ => Some((0, 0)),
    }
}

/// A checksum in a quoted l4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Where it stands in the header.
    pub at: usize,
    /// Whether it covers the IP addresses.
    pub addresses: bool,
    /// Whether zero stands for none (RFC 768).
    pub optional: bool,
}

/// The checksum of a protocol that covers what translation changes. SCTP's covers its ports, but those are
/// kept.
#[inline(always)]
#[must_use]
pub const fn checksum(protocol: u8) -> Option<Checksum> {
    let (at, addresses, optional) = match protocol {
        proto::TCP => (16, true, false),
        proto::UDP => (6, true, true),
        proto::ICMP => (2, false, false),
        proto::ICMPV6 => (2, true, false),
        _ => return None,
    };
    Some(Checksum {
        at,
        addresses,
        optional,
    })
}

/// Turns the tuple of a quoted packet round: the error comes from where that packet went, so it belongs to
/// the session's other direction.
#[inline(always)]
pub const fn turn_round(key: &mut SessionKey) {
    (key.src, key.dst) = (key.dst, key.src);
    (key.src_port, key.dst_port) = (key.dst_port, key.src_port);
}

/// The four octets of a quoted TCP, UDP or SCTP header that hold its l4 ports, as who gets the error has
/// sent them: towards the packets of `session` that it would have been answered with.
#[inline(always)]
#[must_use]
pub const fn quoted_ports(session: &Session) -> [u8; 4] {
    let [a, b] = session.dst_port.to_be_bytes();
    let [c, d] = session.src_port.to_be_bytes();
    [a, b, c, d]
}

/// The identifier of a quoted echo likewise: one of the ports is it, the other zero.
#[inline(always)]
#[must_use]
pub const fn quoted_identifier(session: &Session) -> [u8; 2] {
    (session.src_port | session.dst_port).to_be_bytes()
}
