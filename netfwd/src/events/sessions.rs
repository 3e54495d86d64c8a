//! Sessions that come and go.

use std::fmt::{self, Display};
use std::net::SocketAddr;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Opened, SessionFlags, SessionKey, SessionKind};
use serde::{Deserialize, Serialize};

use crate::address::from_addr;
use crate::dataplane::maps::{Ended, now_ns};
use crate::protocol;

/// The session of an event; its fields are those of `session show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// Its protocol.
    pub proto: String,
    /// `masquerade`, `publish` or `floating`.
    pub kind: String,
    /// Source on the inside.
    pub inside_src: String,
    /// Destination on the inside.
    pub inside_dst: String,
    /// Source on the outside.
    pub outside_src: String,
    /// Destination on the outside.
    pub outside_dst: String,
    /// Seconds since it was made; absent of a new one.
    pub age_seconds: Option<u64>,
    /// Packets of both directions, once it has ended.
    pub packets: Option<u64>,
    /// Octets of both directions, once it has ended.
    pub bytes: Option<u64>,
}

/// Source and destination.
type Tuple = (String, String);

impl SessionEvent {
    /// Of a new session.
    pub(super) fn opened(opened: &Opened) -> Self {
        let after = (
            endpoint(&opened.src, opened.src_port),
            endpoint(&opened.dst, opened.dst_port),
        );
        Self::of(&opened.key, opened.kind, opened.flags, after)
    }

    /// Of a session that has ended.
    pub(super) fn ended(ended: &Ended) -> Self {
        let (session, other) = (&ended.session, ended.other.as_ref());
        let after = (
            endpoint(&session.src, session.src_port),
            endpoint(&session.dst, session.dst_port),
        );
        let age = now_ns().saturating_sub(session.created_ns) / 1_000_000_000;
        Self {
            age_seconds: Some(age),
            packets: Some(session.packets + other.map_or(0, |other| other.packets)),
            bytes: Some(session.bytes + other.map_or(0, |other| other.bytes)),
            ..Self::of(&ended.key, session.kind, session.flags, after)
        }
    }

    fn of(key: &SessionKey, kind: u8, flags: SessionFlags, after: Tuple) -> Self {
        let before = (
            endpoint(&key.src, key.src_port),
            endpoint(&key.dst, key.dst_port),
        );
        let (inside, outside) = if flags.has(SessionFlags::FROM_INSIDE) {
            (before, after)
        } else {
            (after, before)
        };
        let kind = SessionKind::ALL.get(usize::from(kind));
        Self {
            proto: protocol::name(key.proto),
            kind: kind.map_or("unknown", |kind| kind.name()).to_owned(),
            inside_src: inside.0,
            inside_dst: inside.1,
            outside_src: outside.0,
            outside_dst: outside.1,
            age_seconds: None,
            packets: None,
            bytes: None,
        }
    }
}

fn endpoint(address: &Addr, port: u16) -> String {
    SocketAddr::new(from_addr(address), port).to_string()
}

/// Part of a line.
impl Display for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            proto,
            kind,
            inside_src,
            inside_dst,
            outside_src,
            outside_dst,
            ..
        } = self;
        write!(
            f,
            "{kind} {proto} {inside_src} > {inside_dst} as {outside_src} > {outside_dst}"
        )?;
        match (self.packets, self.age_seconds) {
            (Some(packets), Some(age)) => write!(f, "  {packets} packets in {age} s"),
            _ => Ok(()),
        }
    }
}
