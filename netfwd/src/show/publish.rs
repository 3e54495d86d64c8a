//! `publish show`: one row for consecutive l4 ports that lead to consecutive ones.

use std::collections::BTreeMap;

use netfwd_common::addr::any_like;
use netfwd_common::maps::{
    Publish, PublishFlags, PublishKey, Session, SessionFlags, SessionKey, SessionKind, TargetFlags,
    TargetKey,
};
use serde::Serialize;

use super::{ShowError, Source, address, endpoint};
use crate::protocol;

/// What a table shows of a publish; JSON has the rest.
pub const PUBLISH_COLUMNS: &[&str] = &["listen", "to", "affinity", "network", "sessions"];

/// Published ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishRow {
    /// What is listened on: `[address:]port[-port]/proto`.
    pub listen: String,
    /// Every target's `address:port`, for the first port listened on, with commas between.
    pub to: String,
    /// Every target.
    pub targets: Vec<TargetRow>,
    /// What a client's target depends on: `none` or `source`.
    pub affinity: &'static str,
    /// Its network.
    pub network: String,
    /// Sessions that it has now.
    pub sessions: usize,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetRow {
    /// Its `address:port`, for the first port listened on.
    pub to: String,
    /// `up`, or `down` where it does not answer.
    pub state: &'static str,
}

/// The published ports of an instance.
pub fn publishes(instance: &str) -> Result<Vec<PublishRow>, ShowError> {
    let source = Source::open(instance)?;
    let publishes = source.maps.publishes.entries()?;
    let sessions = sessions(&source, &publishes)?;
    let ranges = ranges(&publishes);
    Ok(ranges.iter().map(|r| row(&source, r, &sessions)).collect())
}

/// How many sessions each listener has.
fn sessions(
    source: &Source,
    publishes: &BTreeMap<PublishKey, Publish>,
) -> Result<BTreeMap<PublishKey, usize>, ShowError> {
    let mut counts = BTreeMap::new();
    source.maps.sessions.scan(|key, session| {
        if let Some(listener) = listener(publishes, key, session) {
            *counts.entry(listener).or_default() += 1;
        }
    })?;
    Ok(counts)
}

/// The listener that the first packet of a session came to, of its own address or of every one.
fn listener(
    publishes: &BTreeMap<PublishKey, Publish>,
    key: &SessionKey,
    session: &Session,
) -> Option<PublishKey> {
    let first = session.flags.has(SessionFlags::ORIGINAL);
    if !first || session.kind != SessionKind::Publish as u8 {
        return None;
    }
    let at = |address| PublishKey {
        address,
        port: key.dst_port,
        proto: key.proto,
        pad: 0,
    };
    let listeners = [at(key.dst), at(any_like(&key.dst))];
    let mut known = listeners.into_iter();
    known.find(|at| {
        publishes
            .get(at)
            .is_some_and(|p| p.network == session.network)
    })
}

/// Consecutive listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    key: PublishKey,
    to: Publish,
    last: u16,
}

impl Range {
    fn goes_on_with(&self, key: &PublishKey, to: &Publish) -> bool {
        let next = self.last.checked_add(1) == Some(key.port);
        let same_listener = (self.key.address, self.key.proto) == (key.address, key.proto);
        let same_group = (self.to.group, self.to.network) == (to.group, to.network);
        next && same_listener && same_group
    }

    fn listen(&self) -> String {
        let mut ports = self.key.port.to_string();
        if self.last != self.key.port {
            ports = format!("{ports}-{}", self.last);
        }
        let proto = protocol::name(self.key.proto);
        match address(&self.key.address) {
            std::net::IpAddr::V4(v4) if v4.is_unspecified() => format!("{ports}/{proto}"),
            std::net::IpAddr::V4(v4) => format!("{v4}:{ports}/{proto}"),
            std::net::IpAddr::V6(v6) => format!("[{v6}]:{ports}/{proto}"),
        }
    }
}

fn ranges(publishes: &BTreeMap<PublishKey, Publish>) -> Vec<Range> {
    let mut sorted: Vec<_> = publishes.iter().collect();
    sorted.sort_by_key(|(key, _)| (key.proto, key.address, key.port));
    let mut ranges: Vec<Range> = Vec::new();
    for (key, to) in sorted {
        match ranges.last_mut() {
            Some(range) if range.goes_on_with(key, to) => range.last = key.port,
            _ => ranges.push(Range {
                key: *key,
                to: *to,
                last: key.port,
            }),
        }
    }
    ranges
}

fn row(source: &Source, range: &Range, sessions: &BTreeMap<PublishKey, usize>) -> PublishRow {
    let targets = targets(source, &range.to);
    let to: Vec<&str> = targets.iter().map(|target| target.to.as_str()).collect();
    let last = PublishKey {
        port: range.last,
        ..range.key
    };
    let of = |(at, count): (&PublishKey, &usize)| (at.proto == range.key.proto).then_some(*count);
    PublishRow {
        listen: range.listen(),
        to: to.join(","),
        affinity: if range.to.flags.has(PublishFlags::AFFINITY) {
            "source"
        } else {
            "none"
        },
        network: source.names.network(range.to.network),
        sessions: sessions.range(range.key..=last).filter_map(of).sum(),
        targets,
    }
}

fn targets(source: &Source, publish: &Publish) -> Vec<TargetRow> {
    let target = |index: u16| {
        let key = TargetKey {
            group: publish.group,
            index: index.into(),
        };
        let target = source.maps.targets.get(&key).ok()??;
        let port = target.port.wrapping_add(publish.offset);
        Some(TargetRow {
            to: endpoint(&target.address, port),
            state: if target.flags.has(TargetFlags::DOWN) {
                "down"
            } else {
                "up"
            },
        })
    };
    (0..publish.targets).filter_map(target).collect()
}

#[cfg(test)]
mod tests {
    use netfwd_common::addr::{UNSPECIFIED, from_v4};

    use super::*;

    fn entry(port: u16, group: u32) -> (PublishKey, Publish) {
        let key = PublishKey {
            address: from_v4([0; 4]),
            port,
            proto: 6,
            pad: 0,
        };
        let to = Publish {
            network: 1,
            group,
            flags: PublishFlags::default(),
            targets: 1,
            offset: 0,
        };
        (key, to)
    }

    #[test]
    fn consecutive_listeners_are_one_row() {
        let entries = [entry(80, 1), entry(81, 1), entry(82, 2), entry(90, 1)];
        let ranges = ranges(&entries.into_iter().collect());
        let listens: Vec<String> = ranges.iter().map(Range::listen).collect();
        assert_eq!(listens, ["80-81/tcp", "82/tcp", "90/tcp"]);
    }

    #[test]
    fn a_listener_on_one_address_says_so() {
        let (mut key, to) = entry(53, 53);
        key.address = from_v4([192, 0, 2, 1]);
        key.proto = 17;
        let ranges = ranges(&[(key, to)].into_iter().collect());
        assert_eq!(ranges[0].listen(), "192.0.2.1:53/udp");
        key.address = UNSPECIFIED;
        let ranges = super::ranges(&[(key, to)].into_iter().collect());
        assert_eq!(ranges[0].listen(), "[::]:53/udp", "of IPv6 alone");
    }
}
