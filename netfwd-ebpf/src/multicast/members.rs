//! Members, routers and queriers: entries of `groups`, each with an end.

use core::ffi::c_void;

use netfwd_common::{
    addr::Addr,
    limits::{GROUP_LEAVE_NS, GROUP_MEMBER_NS, GROUP_QUERIER_NS},
    maps::{FloodKey, Group, GroupKey},
    multicast::{Change, is_local},
};

use super::Packet;
use crate::{
    flood,
    maps::{self, GROUPS},
};

/// How often a member is asked before it is given up (RFC 3376 §8.11).
const QUERIES: u64 = 2;

/// Whether the entry holds now.
#[inline(always)]
pub fn is_one(key: &GroupKey, now: u64) -> bool {
    // SAFETY: the element stays readable until this program's RCU section ends.
    let entry = GROUPS
        .get_ptr(key)
        .map(|entry| unsafe { maps::shared(entry) });
    entry.is_some_and(|entry| entry.since_ns <= now && now < entry.expires_ns)
}

/// A report's change of a membership.
#[inline(never)]
pub fn apply(packet: &Packet<'_>, group: &Addr, change: Change) {
    if is_local(group) {
        return;
    }
    let key = packet.key(packet.source.slot, group);
    match change {
        Change::Joins => hold(&key, packet.now, packet.now, GROUP_MEMBER_NS),
        Change::Leaves => leave(packet, &key),
        Change::None => {}
    }
}

/// A querier asks again whether others still listen; without one, the member goes after the time that
/// others on its port would have had to answer (net/bridge/br_multicast.c, br_multicast_leave_group).
#[inline(always)]
fn leave(packet: &Packet<'_>, key: &GroupKey) {
    if !is_one(&packet.key(0, &packet.all), packet.now) {
        shorten(key, packet.now + GROUP_LEAVE_NS);
    }
}

/// A general query: its sender is a router, where it has an address, and members are reported now.
#[inline(never)]
pub fn queried(packet: &Packet<'_>, has_address: bool, response_ns: u64) {
    let Packet {
        source, all, now, ..
    } = packet;
    hold(
        &packet.key(0, all),
        *now,
        now + response_ns,
        GROUP_QUERIER_NS,
    );
    if has_address {
        hold(&packet.key(source.slot, all), *now, *now, GROUP_QUERIER_NS);
    }
}

/// Makes an entry hold for another while; one that holds already keeps its beginning.
#[inline(never)]
fn hold(key: &GroupKey, now: u64, since_ns: u64, for_ns: u64) {
    let expires_ns = now + for_ns;
    if let Some(entry) = GROUPS.get_ptr_mut(key) {
        // SAFETY: the element stays valid until this program's RCU section ends; CPUs may race to
        // write a time, and any of theirs will do.
        let entry = unsafe { &mut *entry };
        if entry.expires_ns <= now {
            entry.since_ns = since_ns;
        }
        entry.expires_ns = expires_ns;
        return;
    }
    let entry = Group {
        expires_ns,
        since_ns,
    };
    // A full table leaves the member unknown: it misses the group until a later report finds room.
    let _ = GROUPS.insert(key, entry, 0);
}

#[inline(always)]
fn shorten(key: &GroupKey, until: u64) {
    if let Some(entry) = GROUPS.get_ptr_mut(key) {
        // SAFETY: as in `hold`.
        let entry = unsafe { &mut *entry };
        if entry.expires_ns > until {
            entry.expires_ns = until;
        }
    }
}

struct Asked {
    key: GroupKey,
    until: u64,
}

/// A query for one group: who does not answer is no member any more.
#[inline(never)]
pub fn asked(packet: &Packet<'_>, group: &Addr, response_ns: u64) {
    let mut asked = Asked {
        key: packet.key(0, group),
        until: packet.now + response_ns * QUERIES,
    };
    let state = core::ptr::from_mut(&mut asked).cast();
    flood::each(packet.network.flood_len, body as *mut c_void, state);
}

/// One target of the flood list; returns 0, which goes on.
unsafe extern "C" fn body(index: u64, state: *mut c_void) -> i64 {
    // SAFETY: `asked` passes its own state, which outlives the loop.
    let state = unsafe { &mut *state.cast::<Asked>() };
    let key = FloodKey {
        network: state.key.network,
        index: index as u32,
    };
    if let Some(target) = maps::flood_target(&key) {
        state.key.slot = target.slot;
        shorten(&state.key, state.until);
    }
    0
}
