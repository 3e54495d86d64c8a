//! The choice of a publish's target.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_loop;
use netfwd_common::{
    balance::Choice,
    maps::{Publish, Target, TargetKey},
};

use crate::maps;

/// A choice under way.
struct Search {
    client: u32,
    group: u32,
    choice: Choice,
}

/// The target of a publish for a client; it is down only where all are. `None` while the loader writes
/// them.
#[inline(never)]
pub fn choose(client: u32, publish: &Publish) -> Option<&'static Target> {
    let mut search = Search {
        client,
        group: publish.group,
        choice: Choice::default(),
    };
    // SAFETY: the body takes a `Search`, which lives until the loop is over.
    unsafe {
        bpf_loop(
            u32::from(publish.targets),
            consider as *mut c_void,
            (&raw mut search).cast(),
            0,
        );
    }
    maps::target(&TargetKey {
        group: publish.group,
        index: search.choice.chosen()?,
    })
}

/// Considers one target; returns 0, which goes on.
unsafe extern "C" fn consider(index: u64, search: *mut c_void) -> i64 {
    // SAFETY: the `Search` of `choose`, which nobody else uses while the loop runs.
    let search = unsafe { &mut *search.cast::<Search>() };
    let index = index as u32;
    let key = TargetKey {
        group: search.group,
        index,
    };
    if let Some(target) = maps::target(&key) {
        search.choice.consider(search.client, index, target);
    }
    0
}
