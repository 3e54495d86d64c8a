//! The two programs that lead TCP between sockets of one host past the network.
//!
//! `sock_ops` runs when a connection stands at an end and puts that socket into a hash; `sk_msg` runs for
//! what is written to a socket of the hash and gives it to the other end's receive queue. The ends find each
//! other by the sequence numbers that the handshake has just agreed on, 64 bits that both know and nobody
//! else: addresses and l4 ports would not do, since those of two networks may be alike, and who may set
//! addresses in its own namespace could put a socket of its own where another's was looked for.

use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use nix::libc::c_int;

use super::super::bpf::{self, insn};
use super::cgroup::Cgroup;
use super::maps;

/// `enum bpf_cmd`, `enum bpf_prog_type` and `enum bpf_attach_type` of
/// include/uapi/linux/bpf.h.
const BPF_PROG_ATTACH: c_int = 8;
const BPF_LINK_CREATE: c_int = 28;
const BPF_PROG_TYPE_SOCK_OPS: u32 = 13;
const BPF_PROG_TYPE_SK_MSG: u32 = 16;
const BPF_CGROUP_SOCK_OPS: u32 = 3;
const BPF_SK_MSG_VERDICT: u32 = 7;
/// Helpers: enum bpf_func_id.
const SOCK_HASH_UPDATE: i32 = 70;
const MSG_REDIRECT_HASH: i32 = 71;
const SK_STORAGE_GET: i32 = 107;
/// Where the programs keep keys, below the frame pointer: a socket's own and its other end's, of two words.
const OWN: u16 = -8_i16 as u16;
const OTHER: u16 = -16_i16 as u16;

/// The programs at work, until this is dropped or the connections that they know have ended.
pub struct Shortcut {
    sockets: OwnedFd,
    _storage: OwnedFd,
    _hook: OwnedFd,
}

impl Shortcut {
    /// Loads them for connections that the group's processes make from now on.
    pub fn open(group: &Cgroup) -> Result<Self> {
        let storage = maps::storage().context("socket storage")?;
        let sockets = maps::socket_hash().context("a hash of sockets")?;
        let redirect = bpf::load(BPF_PROG_TYPE_SK_MSG, &redirect(&storage, &sockets));
        attach(&redirect.context("sk_msg")?, &sockets).context("sk_msg on the hash")?;
        let enlist = bpf::load(BPF_PROG_TYPE_SOCK_OPS, &enlist(&storage, &sockets));
        let hook = link(&enlist.context("sock_ops")?, group)?;
        Ok(Self {
            sockets,
            _storage: storage,
            _hook: hook,
        })
    }

    /// How many sockets it knows.
    pub fn known(&self) -> Result<usize> {
        Ok(maps::keys(&self.sockets)?.len())
    }

    /// Forgets every socket, as a loader would that takes its data path away.
    pub fn forget(&self) -> Result<()> {
        for key in maps::keys(&self.sockets)? {
            maps::delete(&self.sockets, key)?;
        }
        Ok(())
    }
}

/// What `BPF_PROG_ATTACH` and `BPF_LINK_CREATE` have at the head of `union bpf_attr`: four words in another
/// order.
#[repr(C)]
struct Words([u32; 4]);

fn attach(program: &OwnedFd, map: &OwnedFd) -> nix::Result<()> {
    let (map, program) = (map.as_raw_fd() as u32, program.as_raw_fd() as u32);
    bpf::call(
        BPF_PROG_ATTACH,
        &mut Words([map, program, BPF_SK_MSG_VERDICT, 0]),
    )?;
    Ok(())
}

fn link(program: &OwnedFd, group: &Cgroup) -> Result<OwnedFd> {
    let folder = group.folder();
    let file = File::open(folder).with_context(|| folder.display().to_string())?;
    let (program, file) = (program.as_raw_fd() as u32, file.as_raw_fd() as u32);
    let mut words = Words([program, file, BPF_CGROUP_SOCK_OPS, 0]);
    let link = bpf::made(BPF_LINK_CREATE, &mut words);
    link.with_context(|| format!("sock_ops on {}", folder.display()))
}

/// Loads the address of a map into a register: `BPF_LD_IMM64` with `BPF_PSEUDO_MAP_FD`.
fn map(register: u8, map: &OwnedFd) -> [u64; 2] {
    [insn(0x18, register, 1, 0, map.as_raw_fd()), 0]
}

/// `sock_ops`: puts a socket whose connection stands into the hash, by the sequence number that it sends next
/// and the one that it expects, and keeps in the socket where the other end is: under the same two, exchanged.
fn enlist(storage: &OwnedFd, sockets: &OwnedFd) -> Vec<u64> {
    let [storage, zero] = map(1, storage);
    let [sockets, _] = map(2, sockets);
    vec![
        insn(0xbf, 6, 1, 0, 0),    // r6 = context
        insn(0x61, 2, 6, 0, 0),    // r2 = op
        insn(0x15, 2, 0, 1, 4),    // BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: on
        insn(0x55, 2, 0, 22, 5),   // not BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB: end
        insn(0x61, 7, 6, 104, 0),  // r7 = snd_nxt
        insn(0x61, 8, 6, 100, 0),  // r8 = rcv_nxt
        insn(0x63, 10, 7, OWN, 0), // own key: sent, received
        insn(0x63, 10, 8, OWN + 4, 0),
        insn(0x63, 10, 8, OTHER, 0), // the other's: received, sent
        insn(0x63, 10, 7, OTHER + 4, 0),
        insn(0x79, 2, 6, 184, 0), // r2 = sk
        insn(0x15, 2, 0, 14, 0),  // none: end
        storage,
        zero,
        insn(0xbf, 3, 10, 0, 0), // r3 = the other's key
        insn(0x07, 3, 0, 0, -16),
        insn(0xb7, 4, 0, 0, 1), // BPF_SK_STORAGE_GET_F_CREATE
        insn(0x85, 0, 0, 0, SK_STORAGE_GET),
        insn(0x15, 0, 0, 7, 0), // no memory: end
        insn(0xbf, 1, 6, 0, 0),
        sockets,
        zero,
        insn(0xbf, 3, 10, 0, 0), // r3 = own key
        insn(0x07, 3, 0, 0, -8),
        insn(0xb7, 4, 0, 0, 1), // BPF_NOEXIST
        insn(0x85, 0, 0, 0, SOCK_HASH_UPDATE),
        insn(0xb7, 0, 0, 0, 1),
        insn(0x95, 0, 0, 0, 0),
    ]
}

/// `sk_msg`: gives what is written to the other end where that is in the hash, and leaves it to TCP where not.
fn redirect(storage: &OwnedFd, sockets: &OwnedFd) -> Vec<u64> {
    let [storage, zero] = map(1, storage);
    let [sockets, _] = map(2, sockets);
    vec![
        insn(0xbf, 6, 1, 0, 0),  // r6 = context
        insn(0x79, 2, 6, 72, 0), // r2 = sk
        storage,
        zero,
        insn(0xb7, 3, 0, 0, 0),
        insn(0xb7, 4, 0, 0, 0),
        insn(0x85, 0, 0, 0, SK_STORAGE_GET),
        insn(0x15, 0, 0, 6, 0), // not one of ours: pass
        insn(0xbf, 1, 6, 0, 0),
        sockets,
        zero,
        insn(0xbf, 3, 0, 0, 0), // r3 = the other's key
        insn(0xb7, 4, 0, 0, 1), // BPF_F_INGRESS
        insn(0x85, 0, 0, 0, MSG_REDIRECT_HASH),
        insn(0xb7, 0, 0, 0, 1), // SK_PASS, also where no other end was found
        insn(0x95, 0, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a program's conditional jumps lead that go forward by more than one instruction.
    fn targets(program: &[u64]) -> Vec<u64> {
        let jumps = program.iter().enumerate().filter_map(|(at, insn)| {
            let [code, _, offset, ..] = insn.to_ne_bytes();
            let conditional = matches!(code, 0x15 | 0x55) && offset > 1;
            conditional.then_some(at + 1 + usize::from(offset))
        });
        jumps.map(|at| program[at]).collect()
    }

    #[test]
    fn whatever_is_not_found_ends_with_the_verdict() {
        let map = OwnedFd::from(File::open("/dev/null").expect("every system has it"));
        let verdict = insn(0xb7, 0, 0, 0, 1);
        assert_eq!(targets(&enlist(&map, &map)), [verdict; 3]);
        assert_eq!(targets(&redirect(&map, &map)), [verdict]);
    }
}
