//! The programs of the object.

use std::collections::BTreeMap;

use aya::{
    Ebpf,
    programs::{Program as Loaded, ProgramError, SchedClassifier, Xdp, loaded_programs},
};

use super::DataplaneError;
use crate::observed::Program;

/// Every program of the object.
const ALL: [Program; 5] = [
    Program::PortIngress,
    Program::UplinkIngress,
    Program::UplinkEgress,
    Program::OverlayIngress,
    Program::UplinkXdp,
];

/// Loads every program into the kernel; returns them by the kernel's ids.
pub(super) fn load_all(ebpf: &mut Ebpf) -> Result<BTreeMap<u32, Program>, DataplaneError> {
    ALL.into_iter()
        .map(|program| Ok((load(ebpf, program)?, program)))
        .collect()
}

fn load(ebpf: &mut Ebpf, program: Program) -> Result<u32, DataplaneError> {
    let loaded = ebpf
        .program_mut(program.name())
        .ok_or(ProgramError::NotLoaded)
        .and_then(|loaded| match loaded {
            Loaded::Xdp(xdp) => xdp.load().and_then(|()| xdp.info()),
            other => {
                let tc: &mut SchedClassifier = other.try_into()?;
                tc.load().and_then(|()| tc.info())
            }
        });
    let info = loaded.map_err(|source| DataplaneError::Program {
        program: program.name(),
        source,
    })?;
    Ok(info.id())
}

/// A TC program of the object.
pub(super) fn classifier(
    ebpf: &mut Ebpf,
    program: Program,
) -> Result<&mut SchedClassifier, ProgramError> {
    ebpf.program_mut(program.name())
        .ok_or(ProgramError::NotLoaded)?
        .try_into()
}

/// An XDP program of the object.
pub(super) fn xdp(ebpf: &mut Ebpf, program: Program) -> Result<&mut Xdp, ProgramError> {
    ebpf.program_mut(program.name())
        .ok_or(ProgramError::NotLoaded)?
        .try_into()
}

/// Which of our programs the kernel has under this id, whoever loaded it.
pub fn program_by_id(id: u32) -> Option<Program> {
    let info = loaded_programs()
        .filter_map(Result::ok)
        .find(|info| info.id() == id)?;
    let name = info.name_as_str()?;
    ALL.into_iter().find(|program| program.name() == name)
}
