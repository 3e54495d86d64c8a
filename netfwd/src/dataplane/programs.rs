//! The programs of the object.

use std::{
    collections::BTreeMap,
    iter,
    panic::resume_unwind,
    sync::Mutex,
    thread::{self, ScopedJoinHandle},
};

use aya::{
    Ebpf,
    maps::{MapData, ProgramArray},
    programs::{Program as Loaded, ProgramError, SchedClassifier, Xdp, loaded_programs},
};

use netfwd_common::maps::Stage;

use super::{
    DataplaneError, Pins,
    maps::{STAGES, Tried as _, typed},
};
use crate::observed::Program;

/// Every program of the object.
const ALL: [Program; 5] = [
    Program::PortIngress,
    Program::UplinkIngress,
    Program::UplinkEgress,
    Program::OverlayIngress,
    Program::UplinkXdp,
];

/// Loads every program into the kernel; returns those that are attached by the kernel's ids.
pub(super) fn load_all(ebpf: &mut Ebpf) -> Result<BTreeMap<u32, Program>, DataplaneError> {
    let stages = Stage::ALL.iter().map(|stage| stage.program());
    let mut here: BTreeMap<_, _> = ebpf.programs_mut().collect();
    let wanted = stages.chain(ALL.into_iter().map(Program::name));
    let found = wanted.map(|name| match here.remove(name) {
        Some(program) => Ok((name, program)),
        None => Err(refused(name, ProgramError::NotLoaded)),
    });
    let ids = load_at_once(found.collect::<Result<_, _>>()?)?;
    let attached = ALL.into_iter();
    let with_id = attached.filter_map(|program| Some((*ids.get(program.name())?, program)));
    Ok(with_id.collect())
}

/// Loads programs on every CPU; returns their ids. The verifier, which takes nearly all the time that this does, works
/// for as many threads as ask: it has one lock for the unprivileged alone (`bpf_check`, kernel/bpf/verifier.c).
fn load_at_once(
    programs: Vec<(&'static str, &mut Loaded)>,
) -> Result<BTreeMap<&'static str, u32>, DataplaneError> {
    let rest = Mutex::new(programs.into_iter());
    let next = || rest.lock().ok()?.next();
    let some = || iter::from_fn(next).map(|(name, program)| Ok((name, load(name, program)?)));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let start = |_| scope.spawn(|| some().collect::<Vec<_>>());
        let working: Vec<_> = (0..threads).map(start).collect();
        working.into_iter().flat_map(joined).collect()
    })
}

/// What a thread returned. Its panic is this one's.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Puts every stage's program where the others call it from. What calls it at the moment goes over to
/// it with its next frame; a pinned array keeps its programs when no process has it open.
pub(super) fn set_stages(ebpf: &mut Ebpf, pins: &Pins) -> Result<(), DataplaneError> {
    let mut stages: ProgramArray<MapData> = typed(pins, STAGES)?;
    for stage in Stage::ALL {
        let name = stage.program();
        let program = tc(ebpf, name).and_then(|program| program.fd());
        let program = program.map_err(|error| refused(name, error))?;
        stages
            .set(*stage as u32, program, 0)
            .tried("write", STAGES)?;
    }
    Ok(())
}

fn load(name: &'static str, program: &mut Loaded) -> Result<u32, DataplaneError> {
    let loaded = match program {
        Loaded::Xdp(xdp) => xdp.load().and_then(|()| xdp.info()),
        other => classifier_of(other).and_then(|tc| tc.load().and_then(|()| tc.info())),
    };
    let info = loaded.map_err(|error| refused(name, error))?;
    Ok(info.id())
}

fn classifier_of(program: &mut Loaded) -> Result<&mut SchedClassifier, ProgramError> {
    program.try_into()
}

fn refused(program: &'static str, error: ProgramError) -> DataplaneError {
    let why = why(program, error);
    DataplaneError::Program { program, why }
}

/// Why the kernel does not load a program, in a line; the verifier's log is for who asks.
pub(super) fn why(program: &str, error: ProgramError) -> String {
    match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            let log = verifier_log.to_string();
            tracing::debug!("the verifier on {program}:\n{log}");
            format!("{io_error}, {}", verdict(&log))
        }
        other => other.to_string(),
    }
}

/// The verifier's last word, before its statistics.
fn verdict(log: &str) -> &str {
    let statistics = ["verification time", "stack depth", "processed"];
    let words = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut words = words.filter(|line| statistics.iter().all(|word| !line.starts_with(word)));
    words.next_back().unwrap_or("without a word")
}

/// A TC program of the object.
pub(super) fn classifier(
    ebpf: &mut Ebpf,
    program: Program,
) -> Result<&mut SchedClassifier, ProgramError> {
    tc(ebpf, program.name())
}

fn tc<'e>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut SchedClassifier, ProgramError> {
    classifier_of(ebpf.program_mut(name).ok_or(ProgramError::NotLoaded)?)
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

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn the_last_word_is_before_the_statistics() {
        let log =
            "0: r0 = 1\ninvalid mem access 'scalar'\nverification time 9 usec\nprocessed 1 insns\n";
        assert_eq!(verdict(log), "invalid mem access 'scalar'");
        assert_eq!(verdict("processed 1 insns"), "without a word");
    }
}
