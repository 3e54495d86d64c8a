//! Which target of a publish a client gets: rendezvous hashing (Thaler and Ravishankar, 1998).
//!
//! Every target has a score for every client, and the highest wins. A target that goes takes its own
//! clients along and moves nobody else's, one that comes takes a share of each, and nothing is to be
//! remembered: the data path, the socket hooks and a restarted loader choose alike.

use crate::{
    addr::{Addr, words},
    flow::mix,
    maps::{SessionKey, Target, TargetFlags},
};

/// A client as targets are scored for it, given the key of its first packet: by its address where it is to
/// keep its target, whatever the ports, else by the whole flow.
#[inline(always)]
#[must_use]
pub const fn client(key: &SessionKey, affinity: bool) -> u32 {
    let address = address(0, &key.src);
    if affinity {
        return address;
    }
    let ports = (key.src_port as u32) << 16 | key.dst_port as u32;
    mix(
        mix(self::address(address, &key.dst), ports),
        key.proto as u32,
    )
}

/// What stands for a target in scores. Its place in the group does not, which is another one as soon as a
/// target before it goes.
#[inline(always)]
#[must_use]
pub const fn identity(target: &Target) -> u32 {
    mix(address(0, &target.address), target.port as u32)
}

/// The score of a target, by its [`identity`], for a [`client`].
#[inline(always)]
#[must_use]
pub const fn score(client: u32, identity: u32) -> u32 {
    mix(client, identity)
}

/// Mixes an address into a hash.
#[inline(always)]
const fn address(hash: u32, address: &Addr) -> u32 {
    let [a, b, c, d] = words(address);
    mix(mix(mix(mix(hash, a), b), c), d)
}

/// The choice among a group's targets, which are considered one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The index of the best target so far.
    pub index: u32,
    /// How good it is; 0 while there is none.
    pub rank: u64,
}

impl Choice {
    /// Takes the target at `index` where it is better than those before. One that is down is worse than
    /// every one that is not, and is chosen where all are: who answers for it is not for the hash to say.
    #[inline(always)]
    pub const fn consider(&mut self, client: u32, index: u32, target: &Target) {
        let up = !target.flags.has(TargetFlags::DOWN) as u64;
        // One more than the score, so that none is less than the worst.
        let rank = (up << 33) + score(client, identity(target)) as u64 + 1;
        if rank > self.rank {
            *self = Self { index, rank };
        }
    }

    /// The index of the chosen target; `None` where there was none to choose from.
    #[inline(always)]
    #[must_use]
    pub const fn chosen(&self) -> Option<u32> {
        if self.rank == 0 {
            None
        } else {
            Some(self.index)
        }
    }
}
