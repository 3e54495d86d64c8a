//! `floating show`.

use std::collections::BTreeMap;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Session, SessionFlags, SessionKey, SessionKind};
use serde::Serialize;

use super::{ShowError, Source, address, interface};

/// A floating address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FloatingRow {
    /// The address outside.
    pub external: String,
    /// The station's.
    pub internal: String,
    /// The station's network.
    pub network: String,
    /// The uplink on which it is answered for; `None` while there is none.
    pub uplink: Option<String>,
    /// Sessions that it has now.
    pub sessions: usize,
}

/// The floating addresses of an instance.
pub fn floatings(instance: &str) -> Result<Vec<FloatingRow>, ShowError> {
    let source = Source::open(instance)?;
    let sessions = sessions(&source)?;
    let externals = source.maps.externals.entries()?;
    let floatings = source.maps.floatings.matching(|key, _| key.network == 0)?;
    let row = |(key, floating): (&_, &_)| {
        let key: &netfwd_common::maps::FloatingKey = key;
        let floating: &netfwd_common::maps::Floating = floating;
        FloatingRow {
            external: address(&key.address).to_string(),
            internal: address(&floating.address).to_string(),
            network: source.names.network(floating.network),
            uplink: externals
                .get(&key.address)
                .map(|ifindex| interface(*ifindex)),
            sessions: sessions.get(&key.address).copied().unwrap_or(0),
        }
    };
    Ok(floatings.iter().map(row).collect())
}

/// How many sessions each address outside has: as a destination before translation, or as a source
/// after it.
fn sessions(source: &Source) -> Result<BTreeMap<Addr, usize>, ShowError> {
    let mut counts = BTreeMap::new();
    source
        .maps
        .sessions
        .scan(|key: &SessionKey, session: &Session| {
            let first = session.flags.has(SessionFlags::ORIGINAL);
            if !first || session.kind != SessionKind::Floating as u8 {
                return;
            }
            if key.dst != session.dst {
                *counts.entry(key.dst).or_default() += 1;
            }
            if key.src != session.src {
                *counts.entry(session.src).or_default() += 1;
            }
        })?;
    Ok(counts)
}
