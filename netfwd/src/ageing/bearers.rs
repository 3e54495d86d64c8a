//! Which mappings have a TCP session that is neither closed nor reset.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use netfwd_common::addr::Addr;
use netfwd_common::maps::{MappingKey, Session, SessionFlags, SessionKey};
use netfwd_common::nat::proto;
use netfwd_common::tcp::{FIN, RST};

/// The insides of such mappings, as hashes of their keys: two that share one keep each other's mapping, for
/// as long as either lives.
#[derive(Debug, Default)]
pub(super) struct Bearers {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Bearers {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A walk sees a direction of a session. One direction alone shows that a session is not closed: that
    /// its side has not ended it.
    pub(super) fn note(&mut self, key: &SessionKey, session: &Session) {
        if key.proto != proto::TCP || session.tcp_flags & (FIN | RST) != 0 {
            return;
        }
        if session.flags.has(SessionFlags::MAPPED) {
            self.insert(key.src, key.network, key.src_port);
        }
        if session.flags.has(SessionFlags::TO_MAPPED) {
            self.insert(session.dst, session.enter, session.dst_port);
        }
    }

    fn insert(&mut self, address: Addr, network: u32, port: u16) {
        let inside = MappingKey {
            address,
            network,
            port,
            proto: proto::TCP,
            pad: 0,
        };
        self.hashes.insert(self.hasher.hash_one(inside));
    }

    /// Whether a mapping, by the key of its inside, has such a session.
    pub(super) fn bear(&self, key: &MappingKey) -> bool {
        key.proto == proto::TCP && self.hashes.contains(&self.hasher.hash_one(*key))
    }
}

#[cfg(test)]
mod tests {
    use netfwd_common::maps::MappingFlags;

    use super::super::samples;
    use super::*;

    #[test]
    fn either_direction_bears_until_both_have_ended() {
        let [original, reply] = samples::pair(7, proto::TCP, 1);
        let [(mapping, _), _] = samples::mapping_pair(7, proto::TCP, 1, MappingFlags::default());
        let borne = |original_flags: u8, reply_flags: u8| {
            let mut bearers = Bearers::default();
            for ((key, session), tcp_flags) in [(original, original_flags), (reply, reply_flags)] {
                bearers.note(
                    &key,
                    &Session {
                        tcp_flags,
                        ..session
                    },
                );
            }
            bearers.bear(&mapping)
        };
        assert!(borne(0, 0) && borne(FIN, 0) && borne(0, FIN));
        assert!(!borne(FIN, FIN) && !borne(RST, FIN));
    }
}
