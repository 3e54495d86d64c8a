//! The programs of an instance, and the time that they take, by the kernel's own statistics.
//!
//! A program is an instance's when it uses one of its pinned maps: so those are found that are called
//! by others, attached by a filter, or to a cgroup.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc;

use super::bpf;
use super::pinned::{self, ObjectInfo};
use super::report::ProgramCode;

/// `enum bpf_cmd` and `enum bpf_stats_type` of include/uapi/linux/bpf.h.
const BPF_PROG_GET_NEXT_ID: libc::c_int = 11;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_ENABLE_STATS: libc::c_int = 32;
const BPF_STATS_RUN_TIME: u32 = 0;
/// `MAX_USED_MAPS` of include/linux/bpf_verifier.h.
const MOST_MAPS: usize = 64;

/// `struct bpf_prog_info`, as far as it is looked at.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct ProgramInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    compiled: u32,
    translated: u32,
    pointers: [u64; 2],
    load_time: u64,
    created_by: u32,
    map_count: u32,
    map_ids: u64,
    name: [u8; 16],
    ifindex: u32,
    flags: u32,
    netns: [u64; 2],
    symbol_counts: [u32; 2],
    symbols: [u64; 2],
    btf: u32,
    function_record: u32,
    functions: u64,
    function_count: u32,
    line_count: u32,
    lines: u64,
    compiled_lines: u64,
    compiled_line_count: u32,
    line_records: [u32; 2],
    tag_count: u32,
    tags: u64,
    run_time: u64,
    run_count: u64,
    missed: u64,
    verified: u32,
    attach_btf: [u32; 2],
    padding: u32,
}

/// The arguments of the commands that go from id to id.
#[repr(C)]
#[derive(Default)]
struct Id {
    this: u32,
    next: u32,
    flags: u32,
}

/// A program that is loaded.
pub struct Program {
    fd: OwnedFd,
    name: String,
    /// Which of the instances it belongs to, from 1.
    host: usize,
}

/// What a program did during some work.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// Its name.
    pub program: String,
    /// Which of the instances it belongs to, from 1.
    pub host: usize,
    /// How often it ran.
    pub runs: u64,
    /// What a run took on average, in nanoseconds.
    pub nanoseconds: f64,
}

/// All programs of these instances.
pub fn of(instances: &[String]) -> Result<Vec<Program>> {
    let mut found = Vec::new();
    for (host, instance) in (1..).zip(instances) {
        let maps = pinned::maps(instance)?;
        let maps: HashSet<u32> = maps.iter().map(|map| map.id).collect();
        let mut id = 0;
        while let Some(next) = after(id)? {
            id = next;
            // Between the two calls a program may be gone, and is nobody's then.
            if let Ok(program) = Program::open(id, host)
                && program.uses(&maps)?
            {
                found.push(program);
            }
        }
    }
    Ok(found)
}

/// The next id of a program, if there is one more.
fn after(id: u32) -> Result<Option<u32>> {
    let mut attr = Id {
        this: id,
        ..Id::default()
    };
    match bpf::call(BPF_PROG_GET_NEXT_ID, &mut attr) {
        Ok(_) => Ok(Some(attr.next)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error).context("the ids of BPF programs cannot be read"),
    }
}

impl Program {
    fn open(id: u32, host: usize) -> Result<Self> {
        let mut attr = Id {
            this: id,
            ..Id::default()
        };
        let fd = bpf::made(BPF_PROG_GET_FD_BY_ID, &mut attr)?;
        let info: ProgramInfo = info(&fd)?;
        let name = info.name.split(|octet| *octet == 0).next();
        let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
        Ok(Self { fd, name, host })
    }

    fn uses(&self, maps: &HashSet<u32>) -> Result<bool> {
        let mut ids = [0_u32; MOST_MAPS];
        let mut info = ProgramInfo {
            map_count: MOST_MAPS as u32,
            map_ids: ids.as_mut_ptr().addr() as u64,
            ..ProgramInfo::default()
        };
        pinned::read_info(&self.fd, &mut info)?;
        Ok(ids.iter().any(|id| maps.contains(id)))
    }

    /// How much there is of it.
    pub fn code(&self) -> Result<ProgramCode> {
        let info: ProgramInfo = info(&self.fd)?;
        Ok(ProgramCode {
            program: self.name.clone(),
            verified: info.verified,
            translated: info.translated,
            compiled: info.compiled,
        })
    }
}

// SAFETY: integers alone, in the kernel's layout.
unsafe impl ObjectInfo for ProgramInfo {}

fn info(fd: &OwnedFd) -> Result<ProgramInfo> {
    let mut info = ProgramInfo::default();
    pinned::read_info(fd, &mut info)?;
    Ok(info)
}

/// Does something while the kernel takes the time of programs. That costs some 20 ns a run, and so is
/// never on while speeds are compared.
pub fn timed(programs: &[Program], work: impl FnOnce() -> Result<()>) -> Result<Vec<Ran>> {
    let read = || programs.iter().map(|program| info(&program.fd));
    let before: Vec<_> = read().collect::<Result<_>>()?;
    let mut attr = BPF_STATS_RUN_TIME;
    let _on = bpf::made(BPF_ENABLE_STATS, &mut attr).context("BPF statistics")?;
    work()?;
    let after: Vec<_> = read().collect::<Result<_>>()?;
    let both = programs.iter().zip(before.iter().zip(&after));
    Ok(both
        .filter_map(|(program, (before, after))| ran(program, before, after))
        .collect())
}

fn ran(program: &Program, before: &ProgramInfo, after: &ProgramInfo) -> Option<Ran> {
    let (runs, nanoseconds) = average(before, after)?;
    Some(Ran {
        program: program.name.clone(),
        host: program.host,
        runs,
        nanoseconds,
    })
}

/// How often a program ran between two looks, and how long on average.
fn average(before: &ProgramInfo, after: &ProgramInfo) -> Option<(u64, f64)> {
    let runs = after.run_count - before.run_count;
    let time = (after.run_time - before.run_time) as f64;
    (runs > 0).then(|| (runs, time / runs as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_kernels() {
        assert_eq!(std::mem::offset_of!(ProgramInfo, run_time), 192);
        assert_eq!(std::mem::offset_of!(ProgramInfo, verified), 216);
        assert_eq!(size_of::<ProgramInfo>(), 232);
    }

    #[test]
    fn what_ran_before_does_not_count() {
        let at = |run_count, run_time| ProgramInfo {
            run_time,
            run_count,
            ..ProgramInfo::default()
        };
        assert_eq!(average(&at(10, 1000), &at(14, 1600)), Some((4, 150.0)));
        assert_eq!(average(&at(10, 1000), &at(10, 1000)), None);
    }
}
