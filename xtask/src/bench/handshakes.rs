//! TCP connections as a tester offers them (RFC 3511 §5.3; its successor, RFC 9411 §7.2, adds a transaction of HTTP): the frames of
//! one after the other, and a program that answers the first of each where the server's stack would. What is between both ends is
//! what is measured then, and not their sockets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use anyhow::Result;

use super::arrivals::INTERFACE;
use super::bpf::{self, TCX_DROP, insn};
use super::frames::{SHORTEST, checksum};
use super::redirect::REDIRECT;
use crate::run::netns::Netns;

/// Sequence number of either end's first octet, behind its SYN.
const FIRST: u32 = 0x0100_0001;
const WINDOW: u16 = 64240;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// TCP's header without options: its octets, and as it says so itself.
const HEADER: u8 = 20;
const LENGTH: u8 = (HEADER / 4) << 4;
/// Where things stand in a frame whose IPv4 header has no options.
const ADDRESSES: [u16; 2] = [26, 30];
const PORTS: [u16; 2] = [34, 36];
const ACKNOWLEDGED: u16 = 42;
const FLAGS: u16 = 47;
const CHECKSUM: i32 = 50;
const END: i32 = 54;

/// Registers: the context, and the packet. Instructions that load a word and a half.
const CTX: u8 = 6;
const DATA: u8 = 2;
const WORD: u8 = 0x61;
const HALF: u8 = 0x69;

/// Frames of a connection that the client sends: it opens, and resets what it has opened.
pub const FRAMES: usize = 3;

/// What the client sends over a connection, to the first of these MACs and from the second.
pub fn frames(macs: [[u8; 6]; 2], from: SocketAddrV4, to: SocketAddrV4) -> [Vec<u8>; FRAMES] {
    let segments = [
        (SYN, FIRST - 1, 0),
        (ACK, FIRST, FIRST),
        (RST | ACK, FIRST, FIRST),
    ];
    segments.map(|segment| frame(macs, [from, to], segment))
}

fn frame(
    macs: [[u8; 6]; 2],
    ends: [SocketAddrV4; 2],
    (flags, sequence, acknowledged): (u8, u32, u32),
) -> Vec<u8> {
    let addresses = ends.map(|end| end.ip().octets()).concat();
    let mut ip = [
        &[0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0],
        &addresses[..],
    ]
    .concat();
    let mut tcp = ends.map(|end| end.port().to_be_bytes()).concat();
    tcp.extend([sequence, acknowledged].map(u32::to_be_bytes).concat());
    tcp.extend([LENGTH, flags]);
    tcp.extend([WINDOW, 0, 0].map(u16::to_be_bytes).concat());
    let pseudo = [&addresses[..], &[0, 6, 0, HEADER]].concat();
    let sum = checksum(&[&pseudo[..], &tcp].concat());
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = [&macs.concat()[..], &[0x08, 0], &ip, &tcp].concat();
    frame.resize(SHORTEST, 0);
    frame
}

/// Has the server's end answer the first segment of each connection that comes from this address, and end all other packets, for
/// as long as the descriptor is open.
pub fn answer(server: &Netns, from: Ipv4Addr) -> Result<OwnedFd> {
    let own = server.enter(|| Ok(nix::net::if_::if_nametoindex(INTERFACE)?))?;
    bpf::on_arrival(server, INTERFACE, &answering(own, from))
}

/// Sends a SYN back as the answer to it.
fn answering(own: u32, from: Ipv4Addr) -> Vec<u64> {
    let answered = answered(own);
    let over = answered.len() as u16;
    let mut program = vec![
        insn(0xbf, CTX, 1, 0, 0),
        insn(0x61, DATA, 1, 76, 0), // data of struct __sk_buff
        insn(0x61, 3, 1, 80, 0),    // data_end
        insn(0xbf, 4, DATA, 0, 0),
        insn(0x07, 4, 0, 0, END),
        insn(0x2d, 4, 3, over + 5, 0), // what is shorter is not the tester's
        insn(0x61, 1, DATA, ADDRESSES[0], 0),
        insn(0x56, 1, 0, over + 3, i32::from_ne_bytes(from.octets())),
        insn(0x71, 1, DATA, FLAGS, 0),
        insn(0x57, 1, 0, 0, i32::from(SYN | ACK)),
        insn(0x55, 1, 0, over, i32::from(SYN)),
    ];
    program.extend(answered);
    program.extend([insn(0xb7, 0, 0, 0, TCX_DROP), insn(0x95, 0, 0, 0, 0)]);
    program
}

/// Both ends change their places, and the server acknowledges what the client has sent. It begins at the number that the client
/// begins at, which then stands there already.
fn answered(own: u32) -> Vec<u64> {
    let mut program = Vec::new();
    program.extend(swapped(WORD, [0, 6]));
    program.extend(swapped(HALF, [4, 10]));
    program.extend(swapped(WORD, ADDRESSES));
    program.extend(swapped(HALF, PORTS));
    program.push(insn(0x62, DATA, 0, ACKNOWLEDGED, word(FIRST)));
    program.push(insn(0x72, DATA, 0, FLAGS, i32::from(SYN | ACK)));
    let acknowledged = [0, word(FIRST)];
    program.extend(bpf::l4_csum_replace(CTX, CHECKSUM, acknowledged, 4));
    let flags = [SYN, SYN | ACK].map(|flags| half([LENGTH, flags]));
    program.extend(bpf::l4_csum_replace(CTX, CHECKSUM, flags, 2));
    program.extend(bpf::redirected(own, REDIRECT));
    program
}

/// Swaps two pieces of the frame, which this instruction loads.
fn swapped(load: u8, [a, b]: [u16; 2]) -> [u64; 4] {
    // BPF_STX is BPF_LDX + 2 (include/uapi/linux/bpf_common.h).
    let store = load + 2;
    [
        insn(load, 1, DATA, a, 0),
        insn(load, 3, DATA, b, 0),
        insn(store, DATA, 3, a, 0),
        insn(store, DATA, 1, b, 0),
    ]
}

/// As it stands in a frame.
fn word(number: u32) -> i32 {
    number.to_be() as i32
}

/// As they stand in a frame.
fn half(octets: [u8; 2]) -> i32 {
    u16::from_ne_bytes(octets).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, 11), 2048);
    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 99, 100), 7000);

    #[test]
    fn frames_have_right_checksums() {
        for frame in frames([[2; 6], [4; 6]], CLIENT, SERVER) {
            assert_eq!(frame.len(), SHORTEST);
            assert_eq!(checksum(&frame[14..34]), 0);
            let tcp = [&frame[26..34], &[0, 6, 0, 20], &frame[34..54]].concat();
            assert_eq!(checksum(&tcp), 0);
        }
    }

    #[test]
    fn whatever_is_no_syn_of_the_client_is_dropped() {
        let program = answering(7, *CLIENT.ip());
        let jumps = program.iter().enumerate().filter_map(|(at, insn)| {
            let [code, _, low, high, ..] = insn.to_ne_bytes();
            let offset = usize::from(u16::from_ne_bytes([low, high]));
            [0x2d, 0x55, 0x56].contains(&code).then(|| at + 1 + offset)
        });
        let targets: Vec<_> = jumps.map(|at| program[at]).collect();
        assert_eq!(targets, [insn(0xb7, 0, 0, 0, TCX_DROP); 3]);
    }
}
