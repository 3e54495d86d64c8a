//! Programs of a few instructions, by the system call itself: there is no object file to load.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc;

use crate::run::netns::Netns;

/// `enum bpf_cmd`, `enum bpf_prog_type`, `enum bpf_attach_type` of include/uapi/linux/bpf.h, and
/// `XDP_FLAGS_DRV_MODE` of include/uapi/linux/if_link.h.
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_MAP_TYPE_HASH: u32 = 1;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const BPF_TCX_INGRESS: u32 = 46;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
/// The verdict of TCX that ends a packet.
pub const TCX_DROP: i32 = 2;
/// The verdict that ends a frame.
pub const XDP_DROP: i32 = 1;
/// The verdict that sends a frame out of the interface that it came in by.
pub const XDP_TX: i32 = 3;

/// The head of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

/// The head of `union bpf_attr` for `BPF_MAP_CREATE`.
#[repr(C)]
struct Map {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
}

/// The head of `union bpf_attr` for `BPF_LINK_CREATE`.
#[repr(C)]
struct LinkCreate {
    program: u32,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// Calls `bpf` with the part of `union bpf_attr` that the command reads.
pub fn call<T>(command: libc::c_int, attr: &mut T) -> nix::Result<i32> {
    let size = size_of::<T>();
    // SAFETY: `attr` is of that size; what it points to outlives the call, as its maker's locals.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size) };
    Errno::result(result).map(|value| value as i32)
}

/// Calls a command of `bpf` that makes a descriptor.
pub fn made<T>(command: libc::c_int, attr: &mut T) -> nix::Result<OwnedFd> {
    let fd = call(command, attr)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Loads an XDP program.
pub fn load_xdp(instructions: &[u64]) -> nix::Result<OwnedFd> {
    load(BPF_PROG_TYPE_XDP, instructions)
}

/// Loads a program of a type, a number of `enum bpf_prog_type`.
pub fn load(kind: u32, instructions: &[u64]) -> nix::Result<OwnedFd> {
    let mut attr = Load {
        kind,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr().addr() as u64,
        license: c"MIT".as_ptr().addr() as u64,
        ..Load::default()
    };
    made(BPF_PROG_LOAD, &mut attr)
}

/// Has native XDP drop all that an interface receives, for as long as the descriptor is open.
pub fn drop_on_arrival(netns: &Netns, interface: &str) -> Result<OwnedFd> {
    let program = load_xdp(&[insn(0xb7, 0, 0, 0, XDP_DROP), insn(0x95, 0, 0, 0, 0)])?;
    attach(netns, interface, &program, (BPF_XDP, XDP_FLAGS_DRV_MODE))
        .with_context(|| format!("XDP on {interface} in {}", netns.name()))
}

/// Has TCX drop all packets that an interface receives, for as long as the descriptor is open.
pub fn drop_packets(netns: &Netns, interface: &str) -> Result<OwnedFd> {
    let program = [insn(0xb7, 0, 0, 0, TCX_DROP), insn(0x95, 0, 0, 0, 0)];
    let program = load(BPF_PROG_TYPE_SCHED_CLS, &program)?;
    attach(netns, interface, &program, (BPF_TCX_INGRESS, 0))
        .with_context(|| format!("TCX on {interface} in {}", netns.name()))
}

/// Has what comes in by an interface sent to another one by this helper, for as long as the descriptor
/// is open.
pub fn redirect(netns: &Netns, from: &str, to: &str, helper: i32) -> Result<OwnedFd> {
    let to = netns.enter(|| Ok(nix::net::if_::if_nametoindex(to)?))?;
    on_arrival(netns, from, &redirected(to, helper))
}

/// Has an l4 checksum, which stands so far into the packet, brought up to date from one word to another; the context is in this
/// register. The flags say how many octets the word has.
pub fn l4_csum_replace(ctx: u8, at: i32, [old, new]: [i32; 2], flags: i32) -> [u64; 6] {
    const L4_CSUM_REPLACE: i32 = 11;
    [
        insn(0xbf, 1, ctx, 0, 0),
        insn(0xb7, 2, 0, 0, at),
        insn(0xb7, 3, 0, 0, old),
        insn(0xb7, 4, 0, 0, new),
        insn(0xb7, 5, 0, 0, flags),
        insn(0x85, 0, 0, 0, L4_CSUM_REPLACE),
    ]
}

/// The end of a program that redirects.
pub fn redirected(to: u32, helper: i32) -> [u64; 4] {
    [
        insn(0xb7, 1, 0, 0, to as i32), // r1 = the interface
        insn(0xb7, 2, 0, 0, 0),         // r2 = no flags
        insn(0x85, 0, 0, 0, helper),
        insn(0x95, 0, 0, 0, 0), // its result is the verdict
    ]
}

/// Has TCX run a program on what comes in by an interface, for as long as the descriptor is open.
pub fn on_arrival(netns: &Netns, interface: &str, program: &[u64]) -> Result<OwnedFd> {
    let loaded = load(BPF_PROG_TYPE_SCHED_CLS, program);
    let program = loaded.with_context(|| format!("the program for {interface}"))?;
    attach(netns, interface, &program, (BPF_TCX_INGRESS, 0))
        .with_context(|| format!("TCX on {interface} in {}", netns.name()))
}

/// Makes a hash of keys and values of so many octets, which has the memory of all its elements at once.
pub fn hash((key, value): (u16, u16), entries: u32) -> Result<OwnedFd> {
    let mut attr = Map {
        kind: BPF_MAP_TYPE_HASH,
        key: key.into(),
        value: value.into(),
        entries,
    };
    made(BPF_MAP_CREATE, &mut attr).context("a hash of the kernel's")
}

/// Has native XDP take so many octets off the front of all that an interface receives, and send the rest to another
/// one, for as long as the descriptor is open.
pub fn strip(netns: &Netns, from: &str, to: &str, octets: usize) -> Result<OwnedFd> {
    const ADJUST_HEAD: i32 = 44;
    const REDIRECT: i32 = 23;
    let to = netns.enter(|| Ok(nix::net::if_::if_nametoindex(to)?))?;
    let program = load_xdp(&[
        insn(0xb7, 2, 0, 0, octets as i32), // r2 = octets, r1 is the context
        insn(0x85, 0, 0, 0, ADJUST_HEAD),
        insn(0xb7, 1, 0, 0, to as i32), // r1 = the interface
        insn(0xb7, 2, 0, 0, 0),         // r2 = no flags
        insn(0x85, 0, 0, 0, REDIRECT),
        insn(0x95, 0, 0, 0, 0), // its result is the verdict
    ])?;
    attach(netns, from, &program, (BPF_XDP, XDP_FLAGS_DRV_MODE))
        .with_context(|| format!("XDP on {from} in {}", netns.name()))
}

/// Attaches a program to an interface by its type of attachment and flags.
fn attach(
    netns: &Netns,
    interface: &str,
    program: &OwnedFd,
    (attach_type, flags): (u32, u32),
) -> Result<OwnedFd> {
    netns.enter(|| {
        let mut attr = LinkCreate {
            program: program.as_raw_fd() as u32,
            ifindex: nix::net::if_::if_nametoindex(interface)?,
            attach_type,
            flags,
        };
        Ok(made(BPF_LINK_CREATE, &mut attr)?)
    })
}

/// `struct bpf_insn`: operation, registers, offset, immediate.
pub fn insn(code: u8, dst: u8, src: u8, offset: u16, immediate: i32) -> u64 {
    let registers = if cfg!(target_endian = "little") {
        src << 4 | dst
    } else {
        dst << 4 | src
    };
    let [o0, o1] = offset.to_ne_bytes();
    let [i0, i1, i2, i3] = immediate.to_ne_bytes();
    u64::from_ne_bytes([code, registers, o0, o1, i0, i1, i2, i3])
}
