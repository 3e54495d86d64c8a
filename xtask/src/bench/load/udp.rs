//! Datagrams a second of an application, as small as they fit into 64-byte frames.

use std::time::Duration;

use anyhow::Result;
use nix::sys::socket::{setsockopt, sockopt};

use super::sockets::Sockets;
use super::{Ends, Load, Ways, Words};
use crate::bench::arrivals::Arrivals;
use crate::bench::batch::Batches;
use crate::bench::cpu::Cpu;
use crate::bench::path::WARM;
use crate::bench::report::Unit;
use crate::bench::session::Session;

const PORT: u16 = 7001;
/// Datagrams of a system call.
const BATCH: usize = 64;
/// What fills a frame of 64 octets.
const PAYLOAD: usize = 18;

const WORDS: Words = Words {
    id: "udp",
    title: "datagrams from a UDP socket to another, in 64-byte frames",
    unit: Unit::FramesPerSecond,
};

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    ways.compare(session, [WORDS], |ends| Datagrams::open(ways, ends))
}

struct Datagrams<'lab> {
    arrivals: Arrivals<'lab>,
    sockets: Sockets,
    messages: Vec<Vec<u8>>,
}

impl<'lab> Datagrams<'lab> {
    fn open(ways: &Ways<'_>, ends: &'lab Ends<'_>) -> Result<Self> {
        let sockets = Sockets::open(ways, ends, PORT)?;
        // The receiver's queue is soon full, and what comes then is dropped behind its whole stack: no
        // reader's system calls are measured with the path.
        setsockopt(&sockets.far, sockopt::RcvBuf, &0)?;
        let (by, receiver) = (ends.subject.name, ends.to);
        Ok(Self {
            arrivals: Arrivals { by, receiver },
            sockets,
            messages: vec![vec![0; PAYLOAD]; BATCH],
        })
    }
}

impl Load for Datagrams<'_> {
    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.sockets.meet()?;
        let cpu = Cpu::first()?;
        let send = |time| Batches::new(&self.messages).send_for(&self.sockets.near, time);
        cpu.time_of(|| send(time / WARM))?;
        Ok([self.arrivals.rate(|| cpu.time_of(|| send(time)))?])
    }
}
