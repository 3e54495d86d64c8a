//! Bulk UDP: what is sent in super-packets of many datagrams, and received as such.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::socket::{setsockopt, sockopt};

use super::sockets::Sockets;
use super::{Ends, Load, Ways, Words};
use crate::bench::awake;
use crate::bench::cpu::Cpu;
use crate::bench::report::Unit;
use crate::bench::session::Session;

const PORT: u16 = 7003;
/// Datagrams of a super-packet: the kernel takes 64 KiB at most.
const SEGMENTS: usize = 44;
/// What is on its way at most; UDP itself would overrun the receiver.
const WINDOW: u64 = 2 << 20;
/// The receiver's queue, with room for the kernel's own overhead.
const QUEUE: usize = 16 << 20;
/// How long the sender sleeps when the window is full, a fraction of what that takes to be emptied.
const PAUSE: Duration = Duration::from_micros(20);
/// When nothing came for so long, nothing more comes.
const SILENCE: Duration = Duration::from_millis(50);

const WORDS: [Words; 2] = [
    Words {
        id: "udp-segment",
        title: "UDP_SEGMENT to UDP_GRO, by the clock, a CPU for each end",
        unit: Unit::MegabitsPerSecond,
    },
    Words {
        id: "udp-segment-cpu",
        title: "UDP_SEGMENT to UDP_GRO, by the CPU time of both ends",
        unit: Unit::MegabitsPerCpuSecond,
    },
];

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    ways.compare(session, WORDS, |ends| Bulk::open(ways, ends))
}

struct Bulk {
    sockets: Sockets,
    message: Vec<u8>,
}

/// What a receiver has got.
#[derive(Default)]
struct Received {
    octets: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Bulk {
    fn open(ways: &Ways<'_>, ends: &Ends<'_>) -> Result<Self> {
        let datagram = ways.mtu - 20 - 8;
        let sockets = Sockets::open(ways, ends, PORT)?;
        setsockopt(&sockets.near, sockopt::UdpGsoSegment, &(datagram as i32))
            .context("UDP_SEGMENT")?;
        setsockopt(&sockets.far, sockopt::UdpGroSegment, &true).context("UDP_GRO")?;
        setsockopt(&sockets.far, sockopt::RcvBufForce, &QUEUE).context("SO_RCVBUFFORCE")?;
        Ok(Self {
            sockets,
            message: vec![0; datagram * SEGMENTS],
        })
    }

    fn send(&self, received: &Received, time: Duration) -> Result<()> {
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < time {
            sent = room(received, sent);
            sent += self.sockets.near.send(&self.message)? as u64;
        }
        Ok(())
    }

    /// Receives until nothing comes any more.
    fn receive(&self, received: &Received, start: Instant) -> Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.sockets.far.recv(&mut buffer) {
                Ok(octets) => {
                    let last = start.elapsed().as_nanos() as u64;
                    received.octets.fetch_add(octets as u64, Ordering::Relaxed);
                    received.nanoseconds.store(last, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the receiver failed"),
            }
        }
    }

    /// What both ends have spent.
    fn run(&self, received: &Received, time: Duration) -> Result<Duration> {
        let (near, far) = (Cpu::first()?, Cpu::second()?);
        let start = Instant::now();
        thread::scope(|scope| {
            let receiving = scope.spawn(|| far.time_of(|| self.receive(received, start)));
            let sending = near.time_of(|| self.send(received, time))?;
            let receiving = receiving.join();
            Ok(sending + receiving.map_err(|_| anyhow!("the receiver panicked"))??)
        })
    }
}

/// Waits until there is room for more; returns what counts as sent: what is lost never arrives.
fn room(received: &Received, sent: u64) -> u64 {
    let start = Instant::now();
    loop {
        let arrived = received.octets.load(Ordering::Relaxed);
        if sent.saturating_sub(arrived) < WINDOW {
            return sent;
        }
        if start.elapsed() > SILENCE / 2 {
            return arrived;
        }
        thread::sleep(PAUSE);
    }
}

impl Load<2> for Bulk {
    fn round(&self, time: Duration) -> Result<[f64; 2]> {
        self.sockets.meet()?;
        self.sockets.far.set_read_timeout(Some(SILENCE))?;
        let received = Received::default();
        let spent = awake::during(|| self.run(&received, time))?;
        let megabits = received.octets.into_inner() as f64 * 8.0 / 1e6;
        ensure!(megabits > 0.0, "nothing arrived");
        let clock = received.nanoseconds.into_inner() as f64 / 1e9;
        Ok([megabits / clock, megabits / spent.as_secs_f64()])
    }
}
