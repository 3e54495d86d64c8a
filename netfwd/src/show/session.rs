//! `session show`: one row for both directions.

use netfwd_common::maps::{Session, SessionFlags, SessionKey, SessionKind};
use netfwd_common::nat::proto;
use netfwd_common::tcp::TcpState;
use serde::Serialize;

use super::{ShowError, Source, endpoint, proto_name};
use crate::apply::session_matches;
use crate::plan::SessionFilter;

/// A session, seen in the direction of its first packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionRow {
    /// `tcp`, `udp` or `icmp`.
    pub proto: String,
    /// `masquerade` or `publish`.
    pub kind: &'static str,
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
    let sessions = source.maps.sessions.entries()?;
    let matching = sessions
        .iter()
        .filter(|(key, session)| session_matches(filter, key, session));
    Ok(matching
        .map(|(key, session)| row(&source, key, session, sessions.get(&key.opposite(session))))
        .collect())
}

fn row(source: &Source, key: &SessionKey, first: &Session, other: Option<&Session>) -> SessionRow {
    let before = Tuple {
        src: endpoint(&key.src, key.src_port),
        dst: endpoint(&key.dst, key.dst_port),
    };
    let after = Tuple {
        src: endpoint(&first.src, first.src_port),
        dst: endpoint(&first.dst, first.dst_port),
    };
    let (inside, outside) = if first.flags.has(SessionFlags::FROM_INSIDE) {
        (before, after)
    } else {
        (after, before)
    };
    let last_ns = other.map_or(0, |other| other.last_seen_ns);
    SessionRow {
        proto: proto_name(key.proto),
        kind: kind_name(first.kind),
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

pub(super) const fn kind_name(kind: u8) -> &'static str {
    if kind == SessionKind::Publish as u8 {
        "publish"
    } else {
        "masquerade"
    }
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
