//! Idle sessions. A session is two entries, one for each direction, which live and die together.

use std::time::Duration;

use netfwd_common::maps::{Session, SessionFlags, SessionKey};
use netfwd_common::nat::proto;
use netfwd_common::tcp::TcpState;

use super::sweep::Sweep;
use crate::config::Timeouts;
use crate::dataplane::DataplaneError;
use crate::dataplane::maps::{Maps, now_ns};

/// A session's entry whose opposite is missing is removed when it is older than this: the programs
/// write the two one after the other.
const HALF: Duration = Duration::from_secs(5);

/// Ages the sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    times: Times,
    sweep: Sweep<SessionKey, Session>,
}

impl Sessions {
    /// Ages with these timeouts.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        Self {
            times: Times(*timeouts),
            sweep: Sweep::default(),
        }
    }

    /// Does a slice.
    pub(super) fn tick(&mut self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let now = now_ns();
        self.sweep.begins(now);
        if self.sweep.is_over() {
            return Ok(());
        }
        let times = self.times;
        // What one direction says is no more than when to ask for the other.
        let end = |key: &SessionKey, session: &Session| {
            let idle = times.at_least(key.proto).as_nanos() as u64;
            seen(session).saturating_add(idle)
        };
        let horizon = times.shortest();
        for key in self.sweep.slice(&maps.sessions, now, horizon, end)? {
            times.judge(maps, now, &key)?;
        }
        Ok(())
    }
}

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
struct Times(Timeouts);

impl Times {
    /// Removes both directions of a session that is over.
    fn judge(self, maps: &mut Maps, now: u64, key: &SessionKey) -> Result<(), DataplaneError> {
        let Some(session) = maps.sessions.get(key)? else {
            return Ok(());
        };
        let opposite = key.opposite(&session);
        let other = maps.sessions.get(&opposite)?;
        // The original direction speaks for both.
        let spoken_for = other.is_some() && !session.flags.has(SessionFlags::ORIGINAL);
        if !spoken_for && self.is_over(now, key, &session, other.as_ref()) {
            maps.sessions.remove(&opposite)?;
            maps.sessions.remove(key)?;
        }
        Ok(())
    }

    /// Whether a session, given by one direction and the other, is to be forgotten.
    fn is_over(
        self,
        now: u64,
        key: &SessionKey,
        session: &Session,
        other: Option<&Session>,
    ) -> bool {
        let Some(other) = other else {
            return is_past(now, seen(session), HALF);
        };
        let last = seen(session).max(seen(other));
        is_past(now, last, self.timeout(key.proto, session, other))
    }

    fn timeout(self, proto: u8, original: &Session, reply: &Session) -> Duration {
        match proto {
            proto::TCP => match TcpState::from_flags(original.tcp_flags, reply.tcp_flags) {
                TcpState::Established => self.0.tcp_established,
                _ => self.0.tcp_transitory,
            },
            proto::ICMP => self.0.icmp,
            _ => self.0.udp,
        }
    }

    /// How long a direction lives at least, whatever the other one says.
    fn at_least(self, proto: u8) -> Duration {
        let times = self.0;
        match proto {
            proto::TCP => times.tcp_transitory.min(times.tcp_established),
            proto::ICMP => times.icmp,
            _ => times.udp,
        }
    }

    /// How long every session lives at least, in nanoseconds.
    fn shortest(self) -> u64 {
        let protos = [proto::TCP, proto::ICMP, proto::UDP];
        let times = protos.map(|proto| self.at_least(proto));
        times.into_iter().min().unwrap_or_default().as_nanos() as u64
    }
}

fn seen(session: &Session) -> u64 {
    session.last_seen_ns.max(session.created_ns)
}

/// Stamps come from other CPUs and may be a little ahead.
fn is_past(now: u64, stamp: u64, timeout: Duration) -> bool {
    u128::from(now.saturating_sub(stamp)) > timeout.as_nanos()
}

#[cfg(test)]
mod tests {
    use netfwd_common::maps::NextHop;
    use netfwd_common::tcp;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn key(proto: u8) -> SessionKey {
        SessionKey {
            src: [1; 16],
            dst: [2; 16],
            network: 1,
            src_port: 1000,
            dst_port: 80,
            proto,
            pad: [0; 3],
        }
    }

    fn seen_at(seconds: u64, tcp_flags: u8) -> Session {
        Session {
            created_ns: SECOND,
            last_seen_ns: seconds * SECOND,
            packets: 1,
            bytes: 40,
            next_hop: NextHop::default(),
            src: [3; 16],
            dst: [2; 16],
            network: 1,
            src_port: 40000,
            dst_port: 80,
            tcp_flags,
            kind: 0,
            flags: SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE),
            deliver: 0,
            epoch: 0,
            enter: 0,
            slot: 0,
            station: [0; 6],
            pad: 0,
        }
    }

    fn is_over(proto: u8, now: u64, session: &Session, other: Option<&Session>) -> bool {
        Times(Timeouts::default()).is_over(now * SECOND, &key(proto), session, other)
    }

    #[test]
    fn the_later_direction_keeps_both_alive() {
        let (old, new) = (seen_at(1, 0), seen_at(200, 0));
        assert!(!is_over(proto::UDP, 400, &old, Some(&new)));
        assert!(!is_over(proto::UDP, 400, &new, Some(&old)));
        assert!(is_over(proto::UDP, 501, &old, Some(&new)));
    }

    #[test]
    fn a_tcp_session_lives_by_its_state() {
        let both = tcp::SYN | tcp::ACK;
        let (open, closed) = (seen_at(1, both), seen_at(1, both | tcp::FIN));
        assert!(!is_over(proto::TCP, 7000, &open, Some(&open)));
        assert!(is_over(proto::TCP, 7442, &open, Some(&open)));
        assert!(
            !is_over(proto::TCP, 7000, &open, Some(&closed)),
            "half closed"
        );
        assert!(is_over(proto::TCP, 300, &closed, Some(&closed)));
        assert!(is_over(
            proto::TCP,
            300,
            &seen_at(1, tcp::SYN),
            Some(&seen_at(1, 0))
        ));
    }

    #[test]
    fn half_a_session_does_not_stay() {
        assert!(!is_over(proto::TCP, 6, &seen_at(1, 0), None));
        assert!(is_over(proto::TCP, 7, &seen_at(1, 0), None));
    }

    #[test]
    fn a_stamp_ahead_of_the_clock_is_fresh() {
        assert!(!is_past(5, 6, Duration::ZERO));
    }
}
