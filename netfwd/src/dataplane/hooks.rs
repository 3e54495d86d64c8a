//! What is attached.

use std::collections::BTreeSet;

use super::{Dataplane, DataplaneError, Pin, Pins, linked::linked, programs::program_by_id};
use crate::observed::{Attached, HookAt, Mode};

impl Pin {
    /// The mode in force of what is pinned so.
    pub const fn mode(self) -> Mode {
        match self {
            Self::Tcx => Mode::Tcx,
            Self::Clsact => Mode::Clsact,
            Self::XdpNative => Mode::XdpNative,
            Self::XdpGeneric => Mode::XdpGeneric,
        }
    }
}

/// What the kernel says of the interface of a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The interface that has the name now; 0 for none.
    pub ifindex: u32,
    /// The kernel's id of the XDP program there, or of the program in our clsact filter.
    pub program: Option<u32>,
}

impl Pins {
    /// The kernel's id of the program that is pinned for a hook, and whether it is attached to the
    /// interface that has the name now.
    fn program(&self, at: &HookAt, pin: Pin, seen: Seen) -> Option<(u32, bool)> {
        let path = self.link(at, pin);
        match pin {
            Pin::Clsact => {
                let here = self.filter_mark(at).whose();
                let here = here.is_none_or(|marked| marked.ifindex == seen.ifindex);
                seen.program.map(|id| (id, here))
            }
            Pin::Tcx | Pin::XdpNative | Pin::XdpGeneric => {
                linked(&path).map(|link| (link.program, link.ifindex == seen.ifindex))
            }
        }
    }

    /// What is pinned for a hook, without knowing what this process loaded. An attachment whose
    /// interface is gone has ifindex 0.
    pub fn attachment(&self, at: &HookAt, pin: Pin, seen: Seen) -> Option<Attached> {
        let (id, live) = self.program(at, pin, seen)?;
        Some(Attached {
            ifindex: if live { seen.ifindex } else { 0 },
            mode: pin.mode(),
            program: program_by_id(id)?,
            current: false,
        })
    }
}

impl Dataplane {
    /// What is pinned for a hook. An attachment whose interface is gone has ifindex 0.
    pub fn attachment(&self, at: &HookAt, pin: Pin, seen: Seen) -> Option<Attached> {
        let (id, live) = self.pins.program(at, pin, seen)?;
        let loaded = self.loaded.get(&id).copied();
        Some(Attached {
            ifindex: if live { seen.ifindex } else { 0 },
            mode: pin.mode(),
            program: loaded.or_else(|| program_by_id(id))?,
            current: loaded.is_some(),
        })
    }

    /// Notes that an optional program was refused by an interface.
    pub fn note_refused(&mut self, at: HookAt, ifindex: u32, error: &DataplaneError) {
        tracing::info!("{error}; going on without it");
        self.refused.insert(at, (ifindex, error.to_string()));
    }

    /// Why an optional program was refused there, if it was.
    pub fn refusal(&self, at: &HookAt) -> Option<&str> {
        self.refused.get(at).map(|(_, why)| why.as_str())
    }

    /// The hooks where an optional program was refused, while the interface is the same.
    pub fn refused(&self, ifindex_of: impl Fn(&str) -> Option<u32>) -> BTreeSet<HookAt> {
        let still = |(at, (ifindex, _)): &(&HookAt, &(u32, String))| {
            ifindex_of(&at.interface) == Some(*ifindex)
        };
        let refused = self.refused.iter().filter(still);
        refused.map(|(at, _)| at.clone()).collect()
    }
}
