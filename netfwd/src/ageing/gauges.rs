//! How many sessions and mappings there are: counted by the walks that age them, so that a question costs
//! no walk of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Config, MappingKey, Session, SessionFlags, SessionKind as Kind};
use serde::{Deserialize, Serialize};

use crate::address::from_addr;
use crate::protocol;

/// What the last whole walk has counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauges {
    /// Sessions, by kind.
    pub sessions: BTreeMap<String, u64>,
    /// Sessions that there is room for.
    pub max_sessions: u64,
    /// Sessions of all kinds, as a part of those.
    pub sessions_ratio: f64,
    /// L4 ports in use, by outside address and protocol.
    pub pools: Vec<Pool>,
    /// The fullest pool's ratio.
    pub ports_used_ratio: f64,
    /// Seconds since it was counted.
    pub age_seconds: u64,
}

/// The l4 ports of an outside address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The address.
    pub address: String,
    /// `tcp`, `udp` or the like.
    pub proto: String,
    /// Ports, or echo identifiers, that stations have.
    pub used: u64,
    /// Ports that there are.
    pub ports: u64,
}

/// What a walk has seen so far.
#[derive(Debug, Default)]
pub(super) struct Census {
    kinds: [u64; Kind::ALL.len()],
    replies: u64,
    pools: BTreeMap<(Addr, u8), u64>,
    insides: u64,
    outsides: u64,
}

impl Census {
    /// The walk sees a direction of a session.
    pub(super) fn session(&mut self, session: &Session) {
        if !session.flags.has(SessionFlags::ORIGINAL) {
            self.replies += 1;
        } else if let Some(kind) = self.kinds.get_mut(usize::from(session.kind)) {
            *kind += 1;
        }
    }

    /// The walk sees a side of a mapping.
    pub(super) fn mapping(&mut self, key: &MappingKey) {
        if key.network == 0 {
            self.outsides += 1;
            *self.pools.entry((key.address, key.proto)).or_default() += 1;
        } else {
            self.insides += 1;
        }
    }

    /// Whether there are halves of sessions or mappings. Where programs come and go meanwhile the numbers
    /// differ as well, which costs the next walk some looks.
    pub(super) fn is_odd(&self) -> bool {
        self.originals() != self.replies || self.insides != self.outsides
    }

    fn originals(&self) -> u64 {
        self.kinds.iter().sum()
    }
}

/// A whole walk's numbers, and when they were.
#[derive(Debug)]
pub(super) struct Counted {
    gauges: Gauges,
    at: Instant,
}

impl Counted {
    /// What a walk has counted, where there is room for so many sessions.
    pub(super) fn new(census: &Census, max_sessions: u32, config: Option<&Config>) -> Self {
        let ports = config.map_or(0, |config| {
            u64::from(config.nat_port_high.saturating_sub(config.nat_port_low)) + 1
        });
        let kinds = Kind::ALL.iter().zip(census.kinds);
        let pools: Vec<Pool> = census.pools.iter().map(|of| pool(of, ports)).collect();
        let ratios = pools.iter().map(|pool| ratio(pool.used, pool.ports));
        Self {
            gauges: Gauges {
                sessions: kinds.map(|(kind, n)| (kind.name().to_owned(), n)).collect(),
                max_sessions: max_sessions.into(),
                sessions_ratio: ratio(census.originals(), max_sessions.into()),
                ports_used_ratio: ratios.fold(0.0, f64::max),
                pools,
                age_seconds: 0,
            },
            at: Instant::now(),
        }
    }

    /// The numbers, with their age.
    pub(super) fn gauges(&self) -> Gauges {
        Gauges {
            age_seconds: self.at.elapsed().as_secs(),
            ..self.gauges.clone()
        }
    }

    /// Whether sessions, and whether ports, are at least this part of what there is room for; numbers that
    /// are older than `age` say nothing.
    pub(super) fn is_filled(&self, part: f64, age: Duration) -> (bool, bool) {
        let fresh = self.at.elapsed() <= age;
        (
            fresh && self.gauges.sessions_ratio >= part,
            fresh && self.gauges.ports_used_ratio >= part,
        )
    }
}

fn pool(((address, proto), used): (&(Addr, u8), &u64), ports: u64) -> Pool {
    Pool {
        address: from_addr(address).to_string(),
        proto: protocol::name(*proto),
        used: *used,
        ports,
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    // Both are far below 2^52.
    part as f64 / whole as f64
}
