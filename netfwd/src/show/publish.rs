//! `publish show`: one row for consecutive l4 ports that lead to consecutive ones.

use std::collections::BTreeMap;

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{
    Publish, PublishKey, Session, SessionFlags, SessionKey, SessionKind, TargetKey,
};
use serde::Serialize;

use super::{ShowError, Source, address, endpoint, proto_name};

/// Published ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishRow {
    /// What is listened on: `[address:]port[-port]/proto`.
    pub listen: String,
    /// The container's `address:port`, of the first port listened on.
    pub to: String,
    /// Its network.
    pub network: String,
    /// Sessions that it has now.
    pub sessions: usize,
}

/// The published ports of an instance.
pub fn publishes(instance: &str) -> Result<Vec<PublishRow>, ShowError> {
    let source = Source::open(instance)?;
    let sessions = source.maps.sessions.entries()?;
    let ranges = ranges(&source.maps.publishes.entries()?);
    Ok(ranges.iter().map(|r| row(&source, r, &sessions)).collect())
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
        let proto = proto_name(self.key.proto);
        if self.key.address == UNSPECIFIED {
            return format!("{ports}/{proto}");
        }
        match address(&self.key.address) {
            std::net::IpAddr::V4(v4) => format!("{v4}:{ports}/{proto}"),
            std::net::IpAddr::V6(v6) => format!("[{v6}]:{ports}/{proto}"),
        }
    }

    /// Whether the first packet of a session came to one of these listeners.
    fn has(&self, key: &SessionKey, session: &Session) -> bool {
        session.kind == SessionKind::Publish as u8
            && session.flags.has(SessionFlags::ORIGINAL)
            && key.proto == self.key.proto
            && (self.key.port..=self.last).contains(&key.dst_port)
            && [UNSPECIFIED, key.dst].contains(&self.key.address)
            && session.network == self.to.network
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

fn row(source: &Source, range: &Range, sessions: &BTreeMap<SessionKey, Session>) -> PublishRow {
    PublishRow {
        listen: range.listen(),
        to: targets(source, &range.to),
        network: source.names.network(range.to.network),
        sessions: sessions.iter().filter(|(k, s)| range.has(k, s)).count(),
    }
}

/// Every target, as `address:port`.
fn targets(source: &Source, publish: &Publish) -> String {
    let target = |index: u16| {
        let key = TargetKey {
            group: publish.group,
            index: index.into(),
        };
        let target = source.maps.targets.get(&key).ok()??;
        Some(endpoint(
            &target.address,
            target.port.wrapping_add(publish.offset),
        ))
    };
    let targets: Vec<String> = (0..publish.targets).filter_map(target).collect();
    targets.join(", ")
}

#[cfg(test)]
mod tests {
    use netfwd_common::addr::from_v4;
    use netfwd_common::maps::PublishFlags;

    use super::*;

    fn entry(port: u16, group: u32) -> (PublishKey, Publish) {
        let key = PublishKey {
            address: UNSPECIFIED,
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
    }
}
