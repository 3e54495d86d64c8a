//! Forgets what is no longer used: learned FDB entries and idle sessions. The programs only stamp.

use std::time::{Duration, Instant};

use netfwd_common::maps::{FdbEntry, FdbFlags, FdbKey, Session, SessionFlags, SessionKey};
use netfwd_common::nat::proto;
use netfwd_common::tcp::TcpState;

use crate::config::Timeouts;
use crate::dataplane::{Dataplane, DataplaneError, Maps, maps::now_ns};

/// A session's entry whose opposite is missing is removed when it is older than this: the programs
/// write the two one after the other.
const HALF: Duration = Duration::from_secs(5);
/// A pass over the tables is followed by at least this many times its own duration of rest, so that
/// large tables cost a bounded share of a CPU.
const REST: u32 = 20;

/// Ages the tables of an instance.
#[derive(Debug)]
pub struct Ageing {
    timeouts: Timeouts,
    rest_until: Instant,
}

impl Ageing {
    /// Ages with these timeouts.
    pub fn new(timeouts: &Timeouts) -> Self {
        Self {
            timeouts: *timeouts,
            rest_until: Instant::now(),
        }
    }

    /// Does one pass, unless it is too soon after a long one.
    pub fn tick(&mut self, dataplane: &mut Dataplane) -> Result<(), DataplaneError> {
        let start = Instant::now();
        if start < self.rest_until {
            return Ok(());
        }
        let maps = dataplane.maps_mut();
        stations(maps)?;
        self.sessions(maps)?;
        self.rest_until = start + start.elapsed() * REST;
        Ok(())
    }

    fn sessions(&self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let sessions = maps.sessions.entries()?;
        let now = now_ns();
        for (key, session) in &sessions {
            let opposite = key.opposite(session);
            let other = sessions.get(&opposite);
            // The original direction speaks for both.
            let spoken_for = other.is_some() && !session.flags.has(SessionFlags::ORIGINAL);
            if spoken_for || !self.is_over(now, key, session, other) {
                continue;
            }
            // It may have had a packet since it was read.
            let fresh = (maps.sessions.get(key)?, maps.sessions.get(&opposite)?);
            if let (Some(session), other) = fresh
                && self.is_over(now, key, &session, other.as_ref())
            {
                maps.sessions.remove(&opposite)?;
                maps.sessions.remove(key)?;
            }
        }
        Ok(())
    }

    /// Whether a session, given by one direction and the other, is to be forgotten.
    fn is_over(
        &self,
        now: u64,
        key: &SessionKey,
        session: &Session,
        other: Option<&Session>,
    ) -> bool {
        let seen = |session: &Session| session.last_seen_ns.max(session.created_ns);
        let Some(other) = other else {
            return is_past(now, seen(session), HALF);
        };
        let last = seen(session).max(seen(other));
        is_past(now, last, self.timeout(key.proto, session, other))
    }

    fn timeout(&self, proto: u8, original: &Session, reply: &Session) -> Duration {
        match proto {
            proto::TCP => match TcpState::from_flags(original.tcp_flags, reply.tcp_flags) {
                TcpState::Established => self.timeouts.tcp_established,
                _ => self.timeouts.tcp_transitory,
            },
            proto::ICMP => self.timeouts.icmp,
            _ => self.timeouts.udp,
        }
    }
}

/// Removes learned stations that were not heard for their network's time, or whose port or network
/// is gone.
fn stations(maps: &mut Maps) -> Result<(), DataplaneError> {
    let networks = maps.networks.entries()?;
    let ports = maps.ports.entries()?;
    let now = now_ns();
    let is_over = |key: &FdbKey, entry: &FdbEntry| {
        let gone = entry.ifindex != 0 && !ports.contains_key(&entry.ifindex);
        let ageing = networks.get(&key.network).map(|network| network.ageing_ns);
        let old =
            ageing.is_none_or(|ns| is_past(now, entry.last_seen_ns, Duration::from_nanos(ns)));
        !entry.flags.has(FdbFlags::STATIC) && (gone || old)
    };
    for (key, entry) in maps.fdb.entries()? {
        if !is_over(&key, &entry) {
            continue;
        }
        // It may have been heard since it was read.
        if maps
            .fdb
            .get(&key)?
            .is_some_and(|entry| is_over(&key, &entry))
        {
            maps.fdb.remove(&key)?;
        }
    }
    Ok(())
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
            inside_mac: [0; 6],
            tcp_flags,
            kind: 0,
            flags: SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE),
            pad: [0; 7],
        }
    }

    fn is_over(proto: u8, now: u64, session: &Session, other: Option<&Session>) -> bool {
        let ageing = Ageing::new(&Timeouts::default());
        ageing.is_over(now * SECOND, &key(proto), session, other)
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
