//! Programs at our hooks, whoever attached them.

use aya::programs::{ProgramInfo, SchedClassifier, loaded_programs};

use super::{Pin, Pins, attach::side, linked::linked};
use crate::observed::HookAt;

/// A program in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The kernel's id of it.
    pub id: u32,
    /// Its name, which may be empty.
    pub name: String,
}

/// The programs that are attached to a hook by TCX, in the order in which they run; none where the kernel
/// has no TCX.
pub fn tcx(at: &HookAt) -> Vec<Standing> {
    let asked = SchedClassifier::query_tcx(&at.interface, side(at.hook));
    let programs = asked.map(|(_, programs)| programs).unwrap_or_default();
    programs.iter().map(standing).collect()
}

/// The program with this id.
pub fn program(id: u32) -> Option<Standing> {
    let mut all = loaded_programs().filter_map(Result::ok);
    all.find(|info| info.id() == id).as_ref().map(standing)
}

fn standing(info: &ProgramInfo) -> Standing {
    Standing {
        id: info.id(),
        name: info.name_as_str().unwrap_or_default().to_owned(),
    }
}

impl Pins {
    /// The kernel's id of the program that the instance itself has at a hook by a link.
    pub fn own_program(&self, at: &HookAt) -> Option<u32> {
        let pin = self.pinned(at).filter(|pin| *pin != Pin::Clsact)?;
        Some(linked(&self.link(at, pin))?.program)
    }
}
