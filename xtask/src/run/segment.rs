//! UDP with UDP_SEGMENT across hosts: super-packets of many datagrams that the data path must carry
//! whole.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::socket::{setsockopt, sockopt};

use super::interrupt;
use super::topology::{Topology, addresses};

const TOTAL: usize = 10_000_000;
/// UDP payload that fills the overlay's MTU.
const DATAGRAM: usize = 1450 - 20 - 8;
/// The kernel takes at most 64 KiB and 64 segments at a time.
const SUPER_PACKET: usize = 44 * DATAGRAM;
/// About 250 Mbit/s: the receiver's queue, not the sender, must never be what loses.
const PACE: Duration = Duration::from_millis(2);
const QUEUE: usize = 8 << 20;
const L4_PORT: u16 = 5001;

/// 10,000,000 octets from c1 to c3; every octet must arrive once and unharmed.
pub fn arrives_complete(lab: &Topology) -> Result<String> {
    let [c1, _, c3, _] = &lab.containers;
    let target = (addresses::CONTAINERS[2], L4_PORT);
    let receiver = c3.enter(|| receiving(target))?;
    let sender = c1.enter(|| sending(target))?;
    let started = Instant::now();
    let tally = thread::scope(|scope| -> Result<Tally> {
        let sending = scope.spawn(|| send(&sender));
        let tally = receive(&receiver)?;
        sending
            .join()
            .expect("the sender does not panic")
            .map(|()| tally)
    })?;
    tally.verdict(started.elapsed())
}

fn receiving(address: (Ipv4Addr, u16)) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    setsockopt(&socket, sockopt::RcvBufForce, &QUEUE).context("SO_RCVBUFFORCE")?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

fn sending(target: (Ipv4Addr, u16)) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(target)?;
    setsockopt(&socket, sockopt::UdpGsoSegment, &(DATAGRAM as i32)).context("UDP_SEGMENT")?;
    Ok(socket)
}

fn send(socket: &UdpSocket) -> Result<()> {
    let octets: Vec<u8> = (0..TOTAL.div_ceil(DATAGRAM)).flat_map(datagram).collect();
    for chunk in octets[..TOTAL].chunks(SUPER_PACKET) {
        socket.send(chunk).context("a super-packet was refused")?;
        interrupt::sleep(PACE)?;
    }
    Ok(())
}

/// The datagram with this number: the number, then a pattern that depends on it.
fn datagram(number: usize) -> [u8; DATAGRAM] {
    let mut octets = [(number % 251) as u8; DATAGRAM];
    octets[..8].copy_from_slice(&(number as u64).to_be_bytes());
    octets
}

/// What arrived.
struct Tally {
    seen: Vec<bool>,
    octets: usize,
    repeated: usize,
    damaged: usize,
}

impl Tally {
    fn new() -> Self {
        Self {
            seen: vec![false; TOTAL.div_ceil(DATAGRAM)],
            octets: 0,
            repeated: 0,
            damaged: 0,
        }
    }

    fn count(&mut self, received: &[u8]) {
        let number = received
            .first_chunk()
            .map_or(usize::MAX, |n| u64::from_be_bytes(*n) as usize);
        let whole = DATAGRAM.min(TOTAL.saturating_sub(number.saturating_mul(DATAGRAM)));
        if whole == 0 || received != &datagram(number)[..whole] {
            self.damaged += 1;
        } else if std::mem::replace(&mut self.seen[number], true) {
            self.repeated += 1;
        } else {
            self.octets += received.len();
        }
    }

    fn verdict(&self, time: Duration) -> Result<String> {
        let measured = format!(
            "{} of {TOTAL} octets in {} datagrams of {DATAGRAM}, {:.2} s",
            self.octets,
            self.seen.iter().filter(|seen| **seen).count(),
            time.as_secs_f64()
        );
        let Self {
            repeated, damaged, ..
        } = self;
        ensure!(
            self.octets == TOTAL && repeated + damaged == 0,
            "{measured}; {damaged} damaged, {repeated} repeated"
        );
        Ok(measured)
    }
}

/// Receives until all is there or nothing came for a second.
fn receive(socket: &UdpSocket) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut buffer = [0; 2048];
    while tally.octets < TOTAL {
        interrupt::check()?;
        match socket.recv(&mut buffer) {
            Ok(length) => tally.count(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error).context("the receiver failed"),
        }
    }
    Ok(tally)
}
