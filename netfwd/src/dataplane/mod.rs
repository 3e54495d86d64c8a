//! The programs and maps in the kernel: loading, attaching, and typed access. The one module that
//! uses aya.
//!
//! Maps and attachments are pinned, so the data path outlives the loader. A start loads the embedded
//! object against the maps that are pinned already, and whoever attaches then replaces the program
//! of each pinned link atomically: no packet is lost over a restart or an upgrade.

mod attach;
mod batch;
pub mod cgroup;
mod detach;
mod error;
mod events;
mod hooks;
mod linked;
mod load;
mod log;
pub mod maps;
mod mark;
mod object;
pub mod others;
pub mod pins;
mod places;
pub mod probe;
mod programs;
mod reserve;
mod sizes;
mod sockets;
mod sys;

#[cfg(test)]
mod tests;

pub use attach::{FILTER_HANDLE, FILTER_PRIORITY};
pub use batch::Walk;
pub use error::DataplaneError;
pub use events::{Events, Record};
pub use hooks::Seen;
pub use maps::Maps;
pub use pins::{Pin, Pins};
pub use probe::Features;
pub use programs::program_by_id;
pub use reserve::memory;
pub use sizes::{Room, SESSION_OCTETS};

use std::collections::BTreeMap;

use aya::Ebpf;

use crate::observed::{HookAt, Program};

/// How to load.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    /// Have the programs log what they decide; off, they do not even look.
    pub trace: bool,
    /// Attach with the clsact qdisc although the kernel has TCX.
    pub no_tcx: bool,
    /// Sessions that there is to be room for; `None` for the usual number.
    pub sessions: Option<u32>,
    /// Addresses are translated: the memory of sessions may be taken before they are there.
    pub translates: bool,
}

/// The loaded programs of one instance and its maps.
pub struct Dataplane {
    ebpf: Ebpf,
    pins: Pins,
    features: Features,
    loaded: BTreeMap<u32, Program>,
    /// By hook: the interface that refused an optional program, and why.
    refused: BTreeMap<HookAt, (u32, String)>,
    maps: Maps,
    /// The host's own processes.
    sockets: sockets::Sockets,
    room: Room,
}

impl Dataplane {
    /// Loads the embedded object for an instance, against the maps that are pinned for it already.
    pub fn open(instance: &str, options: &LoadOptions) -> Result<Self, DataplaneError> {
        Self::open_object(instance, object::OBJECT, *options)
    }

    fn open_object(
        instance: &str,
        object: &[u8],
        options: LoadOptions,
    ) -> Result<Self, DataplaneError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(DataplaneError::NotRoot);
        }
        probe::require()?;
        let pins = Pins::create(instance)?;
        maps::check_layout(&pins)?;
        let mut features = Features::probe();
        features.tcx &= !options.no_tcx;
        let mut resize = sizes::Resize::look(&pins, options)?;
        resize.reserve(&pins, object)?;
        let places = places::Places::look(&pins)?;
        let mut ebpf = load::load(object, &pins, features, options, (&resize, places))?;
        let loaded = programs::load_all(&mut ebpf)?;
        resize.move_in(&pins)?;
        // Before any entry program is attached: each may call every stage from its first frame on.
        programs::set_stages(&mut ebpf, &pins)?;
        let room = resize.finish()?;
        let maps = Maps::open(instance)?;
        Ok(Self {
            ebpf,
            pins,
            features,
            loaded,
            refused: BTreeMap::new(),
            maps,
            sockets: sockets::Sockets::default(),
            room,
        })
    }

    /// How many sessions there is room for.
    pub fn room(&self) -> Room {
        self.room
    }

    /// What the kernel can do.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The maps.
    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// The maps, to change them.
    pub fn maps_mut(&mut self) -> &mut Maps {
        &mut self.maps
    }

    /// Where this instance is pinned.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }
}
