//! `session show`: one row for both directions.

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Session, SessionFlags, SessionKey, SessionKind};
use netfwd_common::nat::proto;
use netfwd_common::tcp::TcpState;
use serde::Serialize;

use super::{ShowError, Source, address, endpoint};
use crate::plan::SessionFilter;
use crate::protocol;

/// A session, seen in the direction of its first packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionRow {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `sctp` or a number.
    pub proto: String,
    /// `masquerade`, `publish` or `floating`.
    pub kind: &'static str,
    /// The network of the inside; `None` where that is the host itself.
    pub network: Option<String>,
    /// Source on the inside.
    pub inside_src: String,
    /// Destination on the inside.
    pub inside_dst: String,
    /// Source on the outside.
    pub outside_src: String,
    /// Destination on the outside.
    pub outside_dst: String,
    /// Of TCP `opening`, `established`, `closing` or `reset`; else `replied` or `unreplied`.
    pub state: &'static str,
    /// Seconds since it was made.
    pub age_seconds: u64,
    /// Seconds since its last packet.
    pub idle_seconds: u64,
    /// Packets of both directions.
    pub packets: u64,
    /// Octets of both directions.
    pub bytes: u64,
}

/// The sessions of an instance that match.
pub fn sessions(instance: &str, filter: &SessionFilter) -> Result<Vec<SessionRow>, ShowError> {
    let source = Source::open(instance)?;
    let firsts = source
        .maps
        .sessions
        .matching(|key, s| filter.matches(key, s))?;
    let uncounted = source.maps.uncounted()?;
    let row = |(key, mut first): (SessionKey, Session)| {
        let opposite = key.opposite(&first);
        let mut other = source.maps.sessions.get(&opposite)?;
        uncounted.complete(&key, &mut first);
        if let Some(other) = &mut other {
            uncounted.complete(&opposite, other);
        }
        Ok(row(&source, &key, &first, other.as_ref()))
    };
    firsts.into_iter().map(row).collect()
}

fn row(source: &Source, key: &SessionKey, first: &Session, other: Option<&Session>) -> SessionRow {
    let end = |at, port| end(key.proto, at, port);
    let before = Tuple {
        src: end(&key.src, key.src_port),
        dst: end(&key.dst, key.dst_port),
    };
    let after = Tuple {
        src: end(&first.src, first.src_port),
        dst: end(&first.dst, first.dst_port),
    };
    let (inside, outside) = if first.flags.has(SessionFlags::FROM_INSIDE) {
        (before, after)
    } else {
        (after, before)
    };
    let last_ns = other.map_or(0, |other| other.last_seen_ns);
    SessionRow {
        proto: protocol::name(key.proto),
        kind: kind_name(first.kind),
        network: (first.network != 0).then(|| source.names.network(first.network)),
        inside_src: inside.src,
        inside_dst: inside.dst,
        outside_src: outside.src,
        outside_dst: outside.dst,
        state: state(key.proto, first, other),
        age_seconds: source.seconds_since(first.created_ns),
        idle_seconds: source.seconds_since(last_ns.max(first.last_seen_ns)),
        packets: first.packets + other.map_or(0, |other| other.packets),
        bytes: first.bytes + other.map_or(0, |other| other.bytes),
    }
}

struct Tuple {
    src: String,
    dst: String,
}

/// One end, with its l4 port where the protocol has any.
fn end(proto: u8, at: &Addr, port: u16) -> String {
    if protocol::has_ports(proto) {
        return endpoint(at, port);
    }
    address(at).to_string()
}

pub(super) fn kind_name(kind: u8) -> &'static str {
    let known = SessionKind::ALL.into_iter().find(|k| *k as u8 == kind);
    known.map_or("?", SessionKind::name)
}

fn state(proto: u8, first: &Session, other: Option<&Session>) -> &'static str {
    if proto == proto::TCP {
        let reply = other.map_or(0, |other| other.tcp_flags);
        return TcpState::from_flags(first.tcp_flags, reply).name();
    }
    match other {
        Some(other) if other.packets > 0 => "replied",
        _ => "unreplied",
    }
}
