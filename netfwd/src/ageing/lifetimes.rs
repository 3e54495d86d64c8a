//! How long sessions and mappings live without a packet.

use netfwd_common::maps::{Mapping, Session, Timeouts};
use netfwd_common::nat::proto;
use netfwd_common::tcp::TcpState;

const SECOND: u64 = 1_000_000_000;
/// An entry whose other half is missing goes when it is older than this: the programs write the two one
/// after the other.
const HALF: u64 = 5 * SECOND;
/// What closed TCP sessions, and the mappings that have none but such, are left under pressure. RFC 5382
/// REQ-5 has them stay for four minutes, against segments that are late; refusing new sessions would be
/// worse, and it is what Linux' conntrack gives a reset one always (`nf_conntrack_tcp_timeout_close`).
const CLOSED: u64 = 10 * SECOND;

/// What may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// What is past its timeout.
    #[default]
    Idle,
    /// TCP that was reset, or closed by both sides, as well.
    Closed,
}

/// The timeouts in force, and what may go beyond them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lifetimes {
    pub(super) times: Timeouts,
    pub(super) level: Level,
}

impl Lifetimes {
    /// Whether a session, given by one direction and the other, is over.
    pub(super) fn is_over(
        self,
        now: u64,
        proto: u8,
        session: &Session,
        other: Option<&Session>,
    ) -> bool {
        let Some(other) = other else {
            return is_past(now, last_seen(session), HALF);
        };
        let last = last_seen(session).max(last_seen(other));
        is_past(now, last, self.of(proto, session, other))
    }

    /// Whether one direction has been idle for so long that the other is worth asking for.
    pub(super) fn may_be_over(self, now: u64, proto: u8, session: &Session) -> bool {
        let least = match (proto, self.level) {
            (proto::TCP, Level::Closed) => CLOSED,
            (proto::TCP, Level::Idle) => self.transitory().min(self.established()),
            _ => self.idle(proto),
        };
        is_past(now, last_seen(session), least)
    }

    fn of(self, proto: u8, session: &Session, other: &Session) -> u64 {
        if proto != proto::TCP {
            return self.idle(proto);
        }
        match TcpState::from_flags(session.tcp_flags, other.tcp_flags) {
            TcpState::Established => self.established(),
            TcpState::Closing | TcpState::Reset if self.level == Level::Closed => CLOSED,
            _ => self.transitory(),
        }
    }

    /// Whether a mapping, given by the entry of its inside, is over. It is `borne` while a TCP session of it
    /// is neither closed nor reset, and lives as long as that one may: what the programs note of a mapping
    /// is the state of the session that changed last.
    pub(super) fn is_mapping_over(
        self,
        now: u64,
        proto: u8,
        mapping: &Mapping,
        borne: bool,
    ) -> bool {
        let timeout = match (proto, borne, self.level) {
            (proto::TCP, true, _) => self.established(),
            (proto::TCP, false, Level::Closed) => CLOSED,
            (proto::TCP, false, Level::Idle) => self.transitory(),
            _ => self.idle(proto),
        };
        is_past(now, mapping.last_seen_ns, timeout)
    }

    /// What protocols without a state have.
    fn idle(self, proto: u8) -> u64 {
        let seconds = match proto {
            proto::UDP => self.times.udp,
            proto::ICMP | proto::ICMPV6 => self.times.icmp,
            proto::SCTP => self.times.sctp,
            _ => self.times.other,
        };
        u64::from(seconds) * SECOND
    }

    fn established(self) -> u64 {
        u64::from(self.times.tcp_established) * SECOND
    }

    fn transitory(self) -> u64 {
        u64::from(self.times.tcp_transitory) * SECOND
    }
}

fn last_seen(session: &Session) -> u64 {
    session.last_seen_ns.max(session.created_ns)
}

/// Stamps come from other CPUs and may be a little ahead.
fn is_past(now: u64, stamp: u64, timeout: u64) -> bool {
    now.saturating_sub(stamp) > timeout
}

#[cfg(test)]
mod tests {
    use netfwd_common::maps::{MappingFlags, SessionFlags};
    use netfwd_common::tcp;

    use super::super::samples;
    use super::*;

    const TIMES: Timeouts = samples::TIMES;
    const BOTH: u8 = tcp::SYN | tcp::ACK;

    fn at(level: Level) -> Lifetimes {
        Lifetimes {
            times: TIMES,
            level,
        }
    }

    fn seen_at(seconds: u64, tcp_flags: u8) -> Session {
        Session {
            tcp_flags,
            ..samples::session(seconds * SECOND, SessionFlags::ORIGINAL)
        }
    }

    fn is_over(proto: u8, now: u64, session: &Session, other: Option<&Session>) -> bool {
        at(Level::Idle).is_over(now * SECOND, proto, session, other)
    }

    #[test]
    fn the_later_direction_keeps_both_alive() {
        let (old, new) = (seen_at(1, 0), seen_at(200, 0));
        assert!(!is_over(proto::UDP, 400, &old, Some(&new)));
        assert!(!is_over(proto::UDP, 400, &new, Some(&old)));
        assert!(is_over(proto::UDP, 501, &old, Some(&new)));
    }

    #[test]
    fn protocols_have_their_own_times() {
        let idle = seen_at(1, 0);
        let times = [
            (proto::UDP, 300),
            (proto::ICMP, 60),
            (proto::ICMPV6, 60),
            (proto::SCTP, 7440),
            (47, 600),
        ];
        for (proto, seconds) in times {
            assert!(!is_over(proto, seconds + 1, &idle, Some(&idle)), "{proto}");
            assert!(is_over(proto, seconds + 2, &idle, Some(&idle)), "{proto}");
        }
    }

    #[test]
    fn a_tcp_session_lives_by_its_state() {
        let (open, closed) = (seen_at(1, BOTH), seen_at(1, BOTH | tcp::FIN));
        let reset = seen_at(1, BOTH | tcp::RST);
        assert!(!is_over(proto::TCP, 7000, &open, Some(&open)));
        assert!(is_over(proto::TCP, 7442, &open, Some(&open)));
        let half_closed = is_over(proto::TCP, 7000, &open, Some(&closed));
        assert!(!half_closed);
        for other in [&closed, &reset] {
            assert!(!is_over(proto::TCP, 240, &closed, Some(other)));
            assert!(is_over(proto::TCP, 300, &closed, Some(other)));
        }
        let (syn, nothing) = (seen_at(1, tcp::SYN), seen_at(1, 0));
        assert!(is_over(proto::TCP, 300, &syn, Some(&nothing)));
    }

    #[test]
    fn pressure_takes_what_is_closed_and_nothing_else() {
        let pressed = at(Level::Closed);
        let over = |now: u64, flags: [u8; 2]| {
            let [session, other] = flags.map(|flags| seen_at(1, flags));
            pressed.is_over(now * SECOND, proto::TCP, &session, Some(&other))
        };
        let (fin, rst) = (BOTH | tcp::FIN, BOTH | tcp::RST);
        assert!(over(12, [fin, fin]) && over(12, [BOTH, rst]));
        assert!(!over(11, [fin, fin]), "it was closed just now");
        for living in [[BOTH, BOTH], [fin, BOTH]] {
            assert!(!over(7000, living));
        }
        assert!(!over(200, [tcp::SYN, 0]), "it may open yet");
        let idle = seen_at(1, 0);
        assert!(!pressed.is_over(300 * SECOND, proto::UDP, &idle, Some(&idle)));
    }

    #[test]
    fn half_a_session_does_not_stay() {
        assert!(!is_over(proto::TCP, 6, &seen_at(1, 0), None));
        assert!(is_over(proto::TCP, 7, &seen_at(1, 0), None));
    }

    #[test]
    fn a_mapping_lives_as_its_sessions_may() {
        let over = |level, proto, now: u64, borne| {
            let mapping = samples::mapping(SECOND, MappingFlags::default());
            at(level).is_mapping_over(now * SECOND, proto, &mapping, borne)
        };
        let (idle, closed) = (Level::Idle, Level::Closed);
        assert!(!over(idle, proto::TCP, 7441, true));
        assert!(over(idle, proto::TCP, 7442, true));
        assert!(!over(idle, proto::TCP, 241, false));
        assert!(over(idle, proto::TCP, 242, false), "all closed");
        assert!(over(closed, proto::TCP, 12, false));
        assert!(!over(closed, proto::TCP, 7441, true));
        assert!(!over(closed, proto::UDP, 301, false));
        assert!(over(closed, proto::UDP, 302, false));
    }

    #[test]
    fn a_stamp_ahead_of_the_clock_is_fresh() {
        assert!(!is_past(5, 6, 0));
    }
}
