//! Announcing outside addresses that this host answers for: who had them before, or another MAC for them, is
//! forgotten by routers and neighbours at once, not when their entries expire. A function of what is taken
//! over and of time, without a socket.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use netfwd_common::addr::{Addr, Mac, to_v4};
use netfwd_common::{arp, nd};

/// How often an address is announced: frames get lost (RFC 5227 §2.3 says twice, RFC 4861 §7.2.6 up to three
/// times).
const TIMES: u8 = 3;
/// Nanoseconds between two announcements of an address at least: the daemon looks every second.
const INTERVAL_NS: u64 = 500_000_000;
/// How many are sent at once: whoever takes over thousands does not flood the link with them.
const AT_ONCE: usize = 256;

/// Where an address is answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The uplink.
    pub ifindex: u32,
    /// Its MAC.
    pub mac: Mac,
}

/// An address that was taken over.
#[derive(Clone, Copy, Debug)]
struct Taken {
    place: Place,
    /// Announcements that are still to be sent.
    left: u8,
    /// When the next one is.
    due_ns: u64,
}

/// The addresses that are answered for, and what is still to be said of them.
#[derive(Debug, Default)]
pub struct Announcer {
    taken: BTreeMap<Addr, Taken>,
}

impl Announcer {
    /// Takes over which addresses are answered for, and where; those on uplinks that carry nothing are none,
    /// and are new when they are back.
    pub fn follow(&mut self, wanted: &BTreeMap<Addr, Place>, now: u64) {
        self.taken.retain(|address, _| wanted.contains_key(address));
        for (address, place) in wanted {
            if self
                .taken
                .get(address)
                .is_some_and(|taken| taken.place == *place)
            {
                continue;
            }
            let taken = Taken {
                place: *place,
                left: TIMES,
                due_ns: now,
            };
            self.taken.insert(*address, taken);
        }
    }

    /// The frames to send now, and out of which interfaces.
    pub fn due(&mut self, now: u64) -> Vec<(u32, Vec<u8>)> {
        let due = |taken: &Taken| taken.left > 0 && taken.due_ns <= now;
        let due = self.taken.iter_mut().filter(|(_, taken)| due(taken));
        let mut frames = Vec::new();
        for (address, taken) in due.take(AT_ONCE) {
            taken.left -= 1;
            taken.due_ns = now + INTERVAL_NS;
            frames.push((taken.place.ifindex, frame(address, taken.place.mac)));
        }
        frames
    }
}

/// A gratuitous ARP request, or an unsolicited neighbour advertisement.
fn frame(address: &Addr, mac: Mac) -> Vec<u8> {
    if let Some(address) = to_v4(address) {
        let mut frame = [0; arp::FRAME_LEN];
        arp::announce(address, &mac, &mut frame);
        return frame.to_vec();
    }
    let mut frame = [0; nd::FRAME_LEN];
    let advertisement = nd::Advertisement {
        target: address,
        mac: &mac,
        to: &nd::ALL_NODES,
        to_mac: &nd::ALL_NODES_MAC,
    };
    nd::advertise(&advertisement, &mut frame);
    frame.to_vec()
}
