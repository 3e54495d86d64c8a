//! What a frame costs in the programs, by the kernel's own statistics.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc;

use super::curve;
use super::traffic::Traffic;
use crate::bench::bpf;
use crate::bench::measure::{Measured, Rounds};
use crate::bench::progress::Step;
use crate::bench::report::Line;

/// `enum bpf_cmd` of include/uapi/linux/bpf.h.
const BPF_PROG_GET_NEXT_ID: libc::c_int = 11;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_ENABLE_STATS: libc::c_int = 32;

/// Nanoseconds in programs per frame that arrives.
struct Cost<'lab>(&'lab Traffic<'lab>);

impl Measured for Cost<'_> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.0.measure(time / 8)?;
        let _counting = count()?;
        let before = spent()?;
        let (rate, took) = self.0.measure(time)?;
        let nanoseconds = spent()?.saturating_sub(before) as f64;
        Ok([nanoseconds / (rate * took.as_secs_f64())])
    }
}

/// The lines of what these frames cost.
pub fn lines(rounds: Rounds, step: &Step<'_>, all: &[(u32, Traffic<'_>)]) -> Result<Vec<Line>> {
    let costs: Vec<_> = all.iter().map(|(size, one)| (*size, Cost(one))).collect();
    curve::lines(rounds, step, &costs)
}

/// Has the kernel count what programs take, for as long as the descriptor is open.
fn count() -> Result<OwnedFd> {
    let mut run_time = 0_u32;
    let fd = bpf::call(BPF_ENABLE_STATS, &mut run_time).context("the kernel's BPF statistics")?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Nanoseconds that all programs have taken; but for the path that is measured they rest.
fn spent() -> Result<u64> {
    let (mut sum, mut last) = (0, 0);
    while let Some(id) = next(last)? {
        // One that goes away meanwhile took nothing that is looked for.
        sum += run_time(id).unwrap_or_default();
        last = id;
    }
    Ok(sum)
}

/// The program with the next higher number.
fn next(id: u32) -> Result<Option<u32>> {
    let mut attr = [id, 0, 0];
    match bpf::call(BPF_PROG_GET_NEXT_ID, &mut attr) {
        Err(Errno::ENOENT) => Ok(None),
        done => done.map(|_| Some(attr[1])).context("the next program"),
    }
}

/// The part of `struct bpf_prog_info` that is asked for: `run_time_ns` is its 25th word of 64 bits.
type Info = [u64; 25];

/// The attributes of `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct Ask {
    fd: u32,
    len: u32,
    info: u64,
}

fn run_time(id: u32) -> nix::Result<u64> {
    let fd = bpf::call(BPF_PROG_GET_FD_BY_ID, &mut [id, 0, 0])?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
    let program = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut info: Info = [0; 25];
    let mut ask = Ask {
        fd: program.as_raw_fd() as u32,
        len: size_of::<Info>() as u32,
        info: info.as_mut_ptr().expose_provenance() as u64,
    };
    bpf::call(BPF_OBJ_GET_INFO_BY_FD, &mut ask)?;
    Ok(info[24])
}
