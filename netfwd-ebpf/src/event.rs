//! Events, for whoever watches. A full ring buffer loses events, never frames.

use netfwd_common::{
    addr::{Addr, Mac, UNSPECIFIED},
    maps::{ConfigFlags, Event, EventKind, FdbEntry, FdbKey, Opened, Session, SessionKey},
};

use crate::{
    maps::{self, EVENTS},
    source::Source,
};

/// Something about a station, which was at `old` before.
#[inline(never)]
pub fn station(kind: EventKind, source: &Source, key: &FdbKey, old: Option<&FdbEntry>, now: u64) {
    let Some(mut event) = EVENTS.reserve(0) else {
        return;
    };
    let event_ptr: *mut Event = event.as_mut_ptr();
    // SAFETY: the reservation has room for an `Event`, all of which is written here.
    unsafe {
        head(event_ptr, kind, now);
        (*event_ptr).network = key.network;
        (*event_ptr).ifindex = source.ifindex;
        (*event_ptr).peer = source.peer;
        (*event_ptr).mac = key.mac;
        (*event_ptr).vlan = key.vlan;
        if let Some(old) = old {
            (*event_ptr).old_ifindex = old.ifindex;
            (*event_ptr).old_peer = old.peer;
        } else {
            (*event_ptr).old_ifindex = 0;
            (*event_ptr).old_peer = UNSPECIFIED;
        }
    }
    event.submit(0);
}

/// A BPDU from `mac` shut an edge port.
#[inline(never)]
pub fn port_shut(source: &Source, mac: &Mac, now: u64) {
    const NOBODY: Addr = UNSPECIFIED;
    let Some(mut event) = EVENTS.reserve(0) else {
        return;
    };
    let event_ptr: *mut Event = event.as_mut_ptr();
    // SAFETY: as in `station`.
    unsafe {
        head(event_ptr, EventKind::PortShut, now);
        (*event_ptr).network = source.network;
        (*event_ptr).ifindex = source.ifindex;
        (*event_ptr).old_ifindex = 0;
        (*event_ptr).peer = NOBODY;
        (*event_ptr).old_peer = NOBODY;
        (*event_ptr).mac = *mac;
        (*event_ptr).vlan = source.vlan;
    }
    event.submit(0);
}

/// A session was made, `session` being what its first packets' direction holds under `key`. Costs a test while
/// nobody watches.
#[inline(always)]
pub fn session_opened(key: &SessionKey, session: &Session) {
    if maps::config().is_some_and(|config| config.flags.has(ConfigFlags::SESSION_EVENTS)) {
        opened(key, session);
    }
}

#[inline(never)]
fn opened(key: &SessionKey, session: &Session) {
    let Some(mut event) = EVENTS.reserve_untyped::<Opened>(0) else {
        return;
    };
    event.write(Opened {
        time_ns: session.created_ns,
        event: EventKind::SessionNew as u32,
        network: session.network,
        key: *key,
        src: session.src,
        dst: session.dst,
        src_port: session.src_port,
        dst_port: session.dst_port,
        kind: session.kind,
        flags: session.flags,
        pad: [0; 6],
    });
    event.submit(0);
}

/// # Safety
///
/// `event` has room for an [`Event`].
#[inline(always)]
unsafe fn head(event: *mut Event, kind: EventKind, now: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        (*event).time_ns = now;
        (*event).kind = kind as u32;
    }
}
