//! The least that a NAT with its sessions in BPF maps does, in programs of the bench's own: frames redirected as in [`super::redirect`],
//! of each connection the four elements inserted that a session has, and of each packet an element looked up, the addresses
//! written and TCP's checksum brought up to date. Nothing is read but TCP's flags, nothing decided or changed: what is written stood there.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Result;

use super::bpf::{self, insn};
use super::redirect::{REDIRECT, REDIRECT_PEER};
use crate::run::netns::Netns;

/// Helpers, by their numbers in include/uapi/linux/bpf.h.
const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const RANDOM: i32 = 7;
const STORE_BYTES: i32 = 9;
const LOAD_BYTES: i32 = 26;
/// `BPF_NOEXIST`.
const NEW: i32 = 1;
/// Octets of keys and values: of a session's directions, and of its endpoint's mapping (netfwd-common, `maps/session.rs`).
const SESSION: (u16, u16) = (44, 144);
const MAPPING: (u16, u16) = (24, 32);
/// As many as netfwd makes room for by default, with their memory from the start as there (docs/nat.md, "Memory").
const ENTRIES: u32 = 524_288;
/// Where TCP's flags stand behind Ethernet and IPv4 without options, and those of a connection's first packet.
const FLAGS: i32 = 47;
const SYN: i32 = 2;
const SYN_AND_ACK: i32 = 0x12;
/// Where the time to live, the checksum and the addresses stand, and TCP's checksum.
const HEADER: (i32, i32) = (22, 12);
const CHECKSUM: i32 = 50;
/// `BPF_F_PSEUDO_HDR`: the addresses are summed up in it.
const PSEUDO_HEADER: i32 = 1 << 4;
/// Where on the stack the flags, the key, the value and the header stand.
const AT_FLAGS: u16 = 8;
const AT_KEY: u16 = 64;
const AT_VALUE: u16 = 224;
const AT_HEADER: u16 = 240;

/// Registers: the context from its call on, and the frame pointer.
const CTX: u8 = 6;
const FRAME: u8 = 10;

/// Has the kernel do so between a host's port and its uplink, for as long as the descriptors are open.
pub fn between(host: &Netns, port: &str, uplink: &str) -> Result<Vec<OwnedFd>> {
    let sessions = bpf::hash(SESSION, ENTRIES)?;
    let mappings = bpf::hash(MAPPING, ENTRIES)?;
    let tables = [&sessions, &sessions, &mappings, &mappings].map(AsRawFd::as_raw_fd);
    let index = |name: &str| host.enter(|| Ok(nix::net::if_::if_nametoindex(name)?));
    let out = packet(&tables, index(uplink)?, REDIRECT);
    let back = packet(&[tables[0]], index(port)?, REDIRECT_PEER);
    Ok(vec![
        bpf::on_arrival(host, port, &out)?,
        bpf::on_arrival(host, uplink, &back)?,
        sessions,
        mappings,
    ])
}

/// Looks an element of the first table up and writes the headers; of a connection's first packet it inserts an element into each
/// table besides, where there are several.
fn packet(tables: &[i32], to: u32, redirect: i32) -> Vec<u64> {
    let mut insertions = Vec::new();
    for &table in tables.iter().filter(|_| tables.len() > 1) {
        insertions.extend(insertion(table));
    }
    let mut program = vec![insn(0xbf, CTX, 1, 0, 0)];
    program.extend(zeroed(AT_HEADER));
    program.extend(with(tables[0], LOOKUP));
    program.extend(rewriting());
    program.extend(octets(LOAD_BYTES, (FLAGS, 1), AT_FLAGS));
    program.extend([
        insn(0x71, 1, FRAME, below(AT_FLAGS), 0),
        insn(0x57, 1, 0, 0, SYN_AND_ACK),
        insn(0x55, 1, 0, insertions.len() as u16, SYN),
    ]);
    program.extend(insertions);
    program.extend(bpf::redirected(to, redirect));
    program
}

/// Writes the addresses and sums them up as they are.
fn rewriting() -> Vec<u64> {
    let mut program = octets(LOAD_BYTES, HEADER, AT_HEADER).to_vec();
    program.extend(octets(STORE_BYTES, HEADER, AT_HEADER));
    program.extend(bpf::l4_csum_replace(CTX, CHECKSUM, [0, 0], PSEUDO_HEADER));
    program
}

/// Has octets of the frame copied to the stack or from there.
fn octets(helper: i32, (from, count): (i32, i32), at: u16) -> [u64; 7] {
    [
        insn(0xbf, 1, CTX, 0, 0),
        insn(0xb7, 2, 0, 0, from),
        insn(0xbf, 3, FRAME, 0, 0),
        insn(0x07, 3, 0, 0, -i32::from(at)),
        insn(0xb7, 4, 0, 0, count),
        insn(0xb7, 5, 0, 0, 0),
        insn(0x85, 0, 0, 0, helper),
    ]
}

/// Inserts a zeroed value by a key that is random.
fn insertion(table: i32) -> Vec<u64> {
    let mut program = vec![
        insn(0x85, 0, 0, 0, RANDOM),
        insn(0x63, FRAME, 0, below(AT_KEY), 0),
        insn(0xbf, 3, FRAME, 0, 0),
        insn(0x07, 3, 0, 0, -i32::from(AT_VALUE)),
        insn(0xb7, 4, 0, 0, NEW),
    ];
    program.extend(with(table, UPDATE));
    program
}

/// Calls a helper with a table and the key.
fn with(table: i32, helper: i32) -> [u64; 5] {
    const MAP_FD: u8 = 1;
    [
        insn(0x18, 1, MAP_FD, 0, table),
        0,
        insn(0xbf, 2, FRAME, 0, 0),
        insn(0x07, 2, 0, 0, -i32::from(AT_KEY)),
        insn(0x85, 0, 0, 0, helper),
    ]
}

/// Zeroes the stack from so far below the frame on.
fn zeroed(below_frame: u16) -> impl Iterator<Item = u64> {
    let words = (1..=below_frame / 8).map(|word| below(word * 8));
    words.map(|at| insn(0x7a, FRAME, 0, at, 0))
}

/// An offset below the frame, in the instruction's form.
const fn below(octets: u16) -> u16 {
    octets.wrapping_neg()
}
