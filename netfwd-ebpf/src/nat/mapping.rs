//! Mappings: what an inside endpoint is seen as, whomever it speaks to (RFC 4787 REQ-1).

use aya_ebpf::bindings::BPF_NOEXIST;
use netfwd_common::{
    maps::{Mapping, MappingFlags, MappingKey},
    nat::lifetime,
};

use crate::maps::{self, MAPPINGS};

/// A side of a mapping, however old.
#[inline(always)]
pub fn get(key: &MappingKey) -> Option<&'static mut Mapping> {
    // SAFETY: the element stays valid until this program's RCU section ends. CPUs that write it at
    // once write stamps and flags, for which either's value will do.
    MAPPINGS
        .get_ptr_mut(key)
        .map(|mapping| unsafe { maps::value(mapping) })
}

/// A side of a mapping; one that is over is gone, with its other side.
#[inline(always)]
pub fn find(key: &MappingKey, now: u64) -> Option<&'static mut Mapping> {
    let mapping = get(key)?;
    if is_over(mapping, key, now) {
        end(mapping, key);
        return None;
    }
    Some(mapping)
}

/// Whether a mapping's endpoint has been silent for as long as it may. The inside's entry says.
#[inline(always)]
fn is_over(mapping: &Mapping, key: &MappingKey, now: u64) -> bool {
    let Some(config) = maps::config() else {
        return false;
    };
    let (seen, flags) = if key.network == 0 {
        match get(&key.opposite(mapping)) {
            Some(inside) => (inside.last_seen_ns, inside.flags),
            // Half of it is being made, or is left over.
            None => (mapping.last_seen_ns, MappingFlags::default()),
        }
    } else {
        (mapping.last_seen_ns, mapping.flags)
    };
    let established = flags.has(MappingFlags::ESTABLISHED);
    now.saturating_sub(seen) > lifetime(&config.timeouts, key.proto, established)
}

/// Removes both sides.
#[inline(always)]
fn end(mapping: &Mapping, key: &MappingKey) {
    let _ = MAPPINGS.remove(key.opposite(mapping));
    let _ = MAPPINGS.remove(key);
}

/// Inserts a side that must be new; says whether it was.
#[inline(always)]
pub fn insert(key: &MappingKey, mapping: &Mapping) -> bool {
    MAPPINGS
        .insert(key, mapping, u64::from(BPF_NOEXIST))
        .is_ok()
}

/// Removes a side.
#[inline(always)]
pub fn remove(key: &MappingKey) {
    let _ = MAPPINGS.remove(key);
}
