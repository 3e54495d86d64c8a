//! What the tables of a NAT alone cost, in programs of the bench's own: frames redirected as in [`super::redirect`], and of each
//! connection the four elements inserted that a session has, an element looked up for each other packet. Nothing is read but
//! TCP's flags, nothing decided or translated: no NAT that keeps sessions in BPF maps does less.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Result;

use super::bpf::{self, insn};
use super::redirect::{REDIRECT, REDIRECT_PEER};
use crate::run::netns::Netns;

/// Helpers, by their numbers in include/uapi/linux/bpf.h.
const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const RANDOM: i32 = 7;
const LOAD_BYTES: i32 = 26;
/// `BPF_NOEXIST`.
const NEW: i32 = 1;
/// Octets of keys and values: of a session's directions, and of its endpoint's mapping (netfwd-common, `maps/session.rs`).
const SESSION: (u16, u16) = (44, 144);
const MAPPING: (u16, u16) = (24, 32);
/// As many as netfwd makes room for by default, and like there at once (docs/nat.md, "Behaviours").
const ENTRIES: u32 = 524_288;
/// Where TCP's flags stand behind Ethernet and IPv4 without options, and those of a connection's first packet.
const FLAGS: i32 = 47;
const SYN: i32 = 2;
const SYN_AND_ACK: i32 = 0x12;
/// Where on the stack the flags, the key and the value stand.
const AT_FLAGS: u16 = 8;
const AT_KEY: u16 = 64;
const AT_VALUE: u16 = 224;

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

/// Looks an element of the first table up; of a connection's first packet inserts one into each of them, then.
fn packet(tables: &[i32], to: u32, redirect: i32) -> Vec<u64> {
    let mut insertions = Vec::new();
    for &table in tables.iter().filter(|_| tables.len() > 1) {
        insertions.extend(insertion(table));
    }
    let mut program = vec![insn(0xbf, CTX, 1, 0, 0)];
    program.extend(zeroed(AT_VALUE));
    program.extend(with(tables[0], LOOKUP));
    // r1 = the context, r2 = where, r3 = to where, r4 = how much.
    program.extend([
        insn(0xbf, 1, CTX, 0, 0),
        insn(0xb7, 2, 0, 0, FLAGS),
        insn(0xbf, 3, FRAME, 0, 0),
        insn(0x07, 3, 0, 0, -i32::from(AT_FLAGS)),
        insn(0xb7, 4, 0, 0, 1),
        insn(0x85, 0, 0, 0, LOAD_BYTES),
        insn(0x71, 1, FRAME, below(AT_FLAGS), 0),
        insn(0x57, 1, 0, 0, SYN_AND_ACK),
        insn(0x55, 1, 0, insertions.len() as u16, SYN),
    ]);
    program.extend(insertions);
    program.extend(bpf::redirected(to, redirect));
    program
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
