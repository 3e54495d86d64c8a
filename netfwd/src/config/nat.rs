//! `[nat]`.

use std::time::Duration;

use netfwd_common::limits::{SESSIONS_MAX, SESSIONS_MIN};

use super::reader::{Keys, Section, Value};
use super::sections::{DURATION, choice, ports, table};
use super::{Config, ConfigError, values};

/// Sessions that there is room for where the configuration does not say.
const SESSIONS: u32 = 262_144;

/// `[nat]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// Lowest and highest l4 port that masquerade may use.
    pub ports: (u16, u16),
    /// Whether whoever sends to an outside l4 port reaches the station that it was given to (RFC 4787
    /// REQ-8); else only those that the station has sent to.
    pub any_endpoint: bool,
    /// Sessions that there is room for.
    pub max_sessions: u32,
    /// `[nat.timeouts]`.
    pub timeouts: Timeouts,
}

impl Default for Nat {
    fn default() -> Self {
        Self {
            ports: (32768, 60999),
            any_endpoint: false,
            max_sessions: SESSIONS,
            timeouts: Timeouts::default(),
        }
    }
}

/// `[nat.timeouts]`: how long an idle session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// UDP (RFC 4787 REQ-5).
    pub udp: Duration,
    /// TCP whose handshake is complete (RFC 5382 REQ-5).
    pub tcp_established: Duration,
    /// TCP that opens or closes (RFC 5382 REQ-5).
    pub tcp_transitory: Duration,
    /// ICMP queries (RFC 5508 REQ-2).
    pub icmp: Duration,
    /// SCTP.
    pub sctp: Duration,
    /// Protocols that are translated by address alone.
    pub other: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            udp: Duration::from_mins(5),
            tcp_established: Duration::from_mins(124),
            tcp_transitory: Duration::from_mins(4),
            icmp: Duration::from_mins(1),
            sctp: Duration::from_mins(124),
            other: Duration::from_mins(10),
        }
    }
}

impl Config {
    /// Whether any address is translated.
    pub fn translates(&self) -> bool {
        let gateways = self.networks.iter().filter_map(|n| n.gateway.as_ref());
        self.publishes()
            || gateways
                .into_iter()
                .any(|gateway| gateway.masquerade.is_on())
    }

    /// Whether anything inside is reached by an outside address.
    pub fn publishes(&self) -> bool {
        let mut networks = self.networks.iter();
        networks.any(|network| !network.publishes.is_empty() || !network.floatings.is_empty())
    }

    /// Whether a published l4 port is one that masquerade may use.
    pub fn publishes_in_pool(&self) -> bool {
        let (low, high) = self.nat.ports;
        let mut listens = self.networks.iter().flat_map(|n| &n.publishes);
        listens.any(|publish| {
            let (first, last) = publish.listen.ports;
            first <= high && last >= low
        })
    }
}

/// `[nat]`.
pub(super) fn nat(section: &Section<'_>) -> Result<Nat, ConfigError> {
    section.only(&Keys {
        accepted: &["ports", "filtering", "max_sessions", "timeouts"],
        later: &[],
    })?;
    let default = Nat::default();
    Ok(Nat {
        ports: section.or("ports", default.ports, ports)?,
        any_endpoint: section.or("filtering", default.any_endpoint, |value| {
            choice(value, "endpoint", "address-and-port")
        })?,
        max_sessions: section.or("max_sessions", default.max_sessions, |value| {
            value.integer(SESSIONS_MIN, SESSIONS_MAX)
        })?,
        timeouts: table(section, "timeouts", "[nat.timeouts]", timeouts)?,
    })
}

fn timeouts(section: &Section<'_>) -> Result<Timeouts, ConfigError> {
    section.only(&Keys {
        accepted: &[
            "udp",
            "tcp_established",
            "tcp_transitory",
            "icmp",
            "sctp",
            "other",
        ],
        later: &[],
    })?;
    let default = Timeouts::default();
    let floor = |key, default, seconds, why| {
        section.or(key, default, |value| at_least(value, seconds, why))
    };
    let (v4787, v5382) = (" (RFC 4787 REQ-5)", " (RFC 5382 REQ-5)");
    Ok(Timeouts {
        udp: floor("udp", default.udp, 120, v4787)?,
        tcp_established: floor("tcp_established", default.tcp_established, 7440, v5382)?,
        tcp_transitory: floor("tcp_transitory", default.tcp_transitory, 240, v5382)?,
        icmp: floor("icmp", default.icmp, 60, " (RFC 5508 REQ-2)")?,
        sctp: floor("sctp", default.sctp, 240, "")?,
        other: floor("other", default.other, 60, "")?,
    })
}

fn at_least(value: &Value<'_>, seconds: u64, why: &str) -> Result<Duration, ConfigError> {
    let accepted = format!("{DURATION}, at least {seconds}s{why}");
    value.parse(&accepted, |text| {
        values::duration(text).filter(|duration| *duration >= Duration::from_secs(seconds))
    })
}
