//! Packets that the programs have sent on a remembered way and not yet counted in their sessions.

use std::collections::HashMap;

use netfwd_common::maps::{Crossing, Session, SessionKey};

use super::{Endings, Maps};
use crate::dataplane::DataplaneError;

/// Packets and octets by session: its tuple, and when it was made.
#[derive(Debug, Default)]
pub struct Uncounted {
    sessions: HashMap<(SessionKey, u64), (u64, u64)>,
}

impl Uncounted {
    fn note(&mut self, way: &Crossing) {
        if way.packets != 0 {
            let session = (way.session(), way.created_ns);
            let (packets, bytes) = self.sessions.entry(session).or_default();
            *packets += way.packets;
            *bytes += way.bytes;
        }
    }

    /// Packets and octets of one direction of the session that was made then.
    fn of(&self, key: &SessionKey, created_ns: u64) -> (u64, u64) {
        let counts = self.sessions.get(&(*key, created_ns));
        counts.copied().unwrap_or_default()
    }

    /// Completes the counts of one direction of a session.
    pub fn complete(&self, key: &SessionKey, session: &mut Session) {
        let (packets, bytes) = self.of(key, session.created_ns);
        session.packets += packets;
        session.bytes += bytes;
    }
}

impl Maps {
    /// What sessions have not counted yet, summed over the CPUs.
    pub fn uncounted(&self) -> Result<Uncounted, DataplaneError> {
        let mut uncounted = Uncounted::default();
        self.crossings.scan(|way| uncounted.note(way))?;
        Ok(uncounted)
    }

    /// Sessions that have ended since the last call, with all their packets counted.
    pub fn take_endings(&mut self) -> Result<Endings, DataplaneError> {
        let mut endings = self.endings.take();
        if endings.told.is_empty() {
            return Ok(endings);
        }
        let uncounted = self.uncounted()?;
        for ended in &mut endings.told {
            uncounted.complete(&ended.key, &mut ended.session);
            let opposite = ended.key.opposite(&ended.session);
            if let Some(other) = &mut ended.other {
                uncounted.complete(&opposite, other);
            }
        }
        Ok(endings)
    }
}

#[cfg(test)]
mod tests {
    use netfwd_common::addr::from_v4;
    use netfwd_common::nat::proto;

    use super::*;

    const CREATED_NS: u64 = 5;

    fn way(packets: u64) -> Crossing {
        Crossing {
            src: u32::from_ne_bytes([10, 0, 3, 11]),
            dst: u32::from_ne_bytes([192, 0, 2, 7]),
            ports: u32::from_ne_bytes([0x04, 0x00, 0x00, 0x35]),
            proto: proto::UDP.into(),
            network: 3,
            created_ns: CREATED_NS,
            packets,
            bytes: packets * 46,
            ..Crossing::default()
        }
    }

    fn key() -> SessionKey {
        SessionKey {
            src: from_v4([10, 0, 3, 11]),
            dst: from_v4([192, 0, 2, 7]),
            network: 3,
            src_port: 1024,
            dst_port: 53,
            proto: proto::UDP,
            pad: [0; 3],
        }
    }

    #[test]
    fn what_several_cpus_sent_completes_the_count_of_its_session_alone() {
        let mut uncounted = Uncounted::default();
        for packets in [2, 0, 3] {
            uncounted.note(&way(packets));
        }
        assert_eq!(uncounted.of(&key(), CREATED_NS), (5, 5 * 46));
        assert_eq!(
            uncounted.of(&key(), CREATED_NS + 1),
            (0, 0),
            "a later session"
        );
    }
}
