//! The sessions of a target that is gone.

use std::collections::BTreeSet;

use netfwd_common::addr::any_like;
use netfwd_common::maps::{PublishKey, SessionFlags, SessionKey, SessionKind};

use super::Place;
use crate::dataplane::{DataplaneError, Maps};

/// Ends the sessions that publishes with these groups made with a target, so that the next packet of their
/// clients gets another one; says how many.
pub fn end(
    maps: &mut Maps,
    (network, address): Place,
    groups: &BTreeSet<u32>,
) -> Result<usize, DataplaneError> {
    if groups.is_empty() {
        return Ok(0);
    }
    let mut stuck = Vec::new();
    maps.sessions.scan(|key, session| {
        let original = session.flags.has(SessionFlags::ORIGINAL);
        let published = session.kind == SessionKind::Publish as u8;
        if original && published && session.network == network && session.dst == address {
            stuck.push(*key);
        }
    })?;
    let mut ended = 0;
    for key in &stuck {
        if group(maps, key)?.is_some_and(|group| groups.contains(&group)) {
            ended += usize::from(maps.end_session(key, |_, _, _| true)?);
        }
    }
    if ended != 0 {
        maps.renew()?;
    }
    Ok(ended)
}

/// The group of targets that a session's listener has.
fn group(maps: &Maps, key: &SessionKey) -> Result<Option<u32>, DataplaneError> {
    let listener = |address| PublishKey {
        address,
        port: key.dst_port,
        proto: key.proto,
        pad: 0,
    };
    let publish = match maps.publishes.get(&listener(key.dst))? {
        None => maps.publishes.get(&listener(any_like(&key.dst)))?,
        some => some,
    };
    Ok(publish.map(|publish| publish.group))
}
