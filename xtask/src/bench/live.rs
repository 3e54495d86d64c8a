//! Frames that the kernel sends from XDP itself, as a NIC's driver would have received them at the
//! other end: `BPF_PROG_TEST_RUN` with live frames (net/bpf/test_run.c).

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::libc;

use super::bpf::{self, XDP_DROP, XDP_TX, insn};

/// `enum bpf_cmd`, and a flag of include/uapi/linux/bpf.h.
const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;
/// The helper `bpf_get_prandom_u32`.
const RANDOM: i32 = 7;
/// Flows that the frames belong to, less one.
const FLOWS: i32 = 63;

/// A program that makes a frame, and sends it out of the interface that it is run for.
pub struct LiveFrames {
    program: OwnedFd,
    len: usize,
}

/// `union bpf_attr` for `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    returned: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_size_in: u32,
    context_size_out: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// `struct xdp_md`.
#[repr(C)]
#[derive(Default)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

impl LiveFrames {
    /// A program for copies of this frame, whose octets at `varying` differ from flow to flow.
    pub fn load(frame: &[u8], varying: &[u16]) -> Result<Self> {
        let program =
            bpf::load_xdp(&generator(frame, varying)).context("the generator of XDP frames")?;
        Ok(Self {
            program,
            len: frame.len(),
        })
    }

    /// Sends frames for a while, so many per system call, out of an interface of this thread's
    /// namespace.
    pub fn inject(&self, ifindex: u32, at_once: u32, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.run(ifindex, at_once).context("XDP live frames")?;
        }
        Ok(())
    }

    fn run(&self, ifindex: u32, repeat: u32) -> nix::Result<()> {
        let data = vec![0_u8; self.len];
        let context = Context {
            data_end: self.len as u32,
            ingress_ifindex: ifindex,
            ..Context::default()
        };
        let mut attr = TestRun {
            program: self.program.as_raw_fd() as u32,
            data_size_in: self.len as u32,
            data_in: data.as_ptr().addr() as u64,
            repeat,
            context_size_in: size_of::<Context>() as u32,
            context_in: (&raw const context).addr() as u64,
            flags: BPF_F_TEST_XDP_LIVE_FRAMES,
            ..TestRun::default()
        };
        bpf::call(BPF_PROG_TEST_RUN, &mut attr).map(drop)
    }
}

/// The whole frame is written anew: pages are recycled with what the receiver made of them.
fn generator(frame: &[u8], varying: &[u16]) -> Vec<u64> {
    const DROP: usize = 2;
    let mut stores: Vec<u64> = (0..)
        .step_by(4)
        .zip(frame.chunks(4))
        .flat_map(store)
        .collect();
    // *(u8 *)(r2 + at) = r6
    stores.extend(varying.iter().map(|at| insn(0x73, 2, 6, *at, 0)));
    let rest = (stores.len() + DROP) as u16;
    let mut program = vec![
        insn(0xbf, 7, 1, 0, 0),                  // r7 = r1
        insn(0x85, 0, 0, 0, RANDOM),             // r0 = bpf_get_prandom_u32()
        insn(0xbf, 6, 0, 0, 0),                  // r6 = r0
        insn(0x57, 6, 0, 0, FLOWS),              // r6 &= FLOWS
        insn(0x61, 2, 7, 0, 0),                  // r2 = data
        insn(0x61, 3, 7, 4, 0),                  // r3 = data_end
        insn(0xbf, 4, 2, 0, 0),                  // r4 = r2
        insn(0x07, 4, 0, 0, frame.len() as i32), // r4 += the frame's length
        insn(0x2d, 4, 3, rest, 0),               // if r4 > r3 goto the end
    ];
    program.extend(stores);
    let end = |verdict| [insn(0xb7, 0, 0, 0, verdict), insn(0x95, 0, 0, 0, 0)];
    program.extend(end(XDP_TX));
    program.extend(end(XDP_DROP));
    program
}

/// Stores of up to four octets at an offset of the frame.
fn store((at, octets): (u16, &[u8])) -> Vec<u64> {
    if let Ok(word) = <[u8; 4]>::try_from(octets) {
        // *(u32 *)(r2 + at) = word
        return vec![insn(0x62, 2, 0, at, i32::from_ne_bytes(word))];
    }
    // *(u8 *)(r2 + at) = octet
    (at..)
        .zip(octets)
        .map(|(at, octet)| insn(0x72, 2, 0, at, i32::from(*octet)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_of_a_frame_is_written() {
        let program = generator(&[0xab; 7], &[3]);
        let stores = |code: u8| {
            program
                .iter()
                .filter(move |insn| insn.to_ne_bytes()[0] == code)
        };
        assert_eq!(stores(0x62).count() * 4 + stores(0x72).count(), 7);
        assert_eq!(stores(0x73).count(), 1);
    }

    #[test]
    fn a_frame_that_is_too_short_is_dropped() {
        let program = generator(&[0; 8], &[]);
        let jump = program
            .iter()
            .position(|insn| insn.to_ne_bytes()[0] == 0x2d);
        let jump = jump.expect("the length is looked at");
        let [_, _, offset, ..] = program[jump].to_ne_bytes();
        let target = program[jump + 1 + usize::from(offset)];
        assert_eq!(target, insn(0xb7, 0, 0, 0, XDP_DROP));
    }
}
