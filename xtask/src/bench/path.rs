//! A way from one container to another, whose frames are counted as they arrive.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Result;

use super::arrivals::{Arrivals, INTERFACE};
use super::bpf;
use super::frames::{Lengths, SHORTEST, Talk};
pub use super::frames::{shortest, text};
use super::generator::Generator;
use super::measure::{Measured, PARTS};
use super::subject::Subject;
use crate::run::netns::Netns;

/// The part of a round that goes before it, and is not measured.
pub const WARM: u32 = 8;
/// MACs of the sending and of the receiving container.
pub const MACS: [[u8; 6]; 2] = [[0x02, 0, 0, 0, 0, 0x0b], [0x02, 0, 0, 0, 0, 0x0c]];
/// Addresses of two containers of one network.
pub const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 3, 11), Ipv4Addr::new(10, 0, 3, 12)];
/// The l4 port that frames are for.
const PORT: u16 = 9;
/// What two containers of one network send.
pub const TALK: Talk = Talk {
    macs: [MACS[1], MACS[0]],
    from: ADDRESSES[0],
    to: SocketAddrV4::new(ADDRESSES[1], PORT),
};

/// A sender, a receiver, and something between them.
pub struct Path<'lab> {
    /// Where frames go in.
    pub generator: Generator,
    /// The frames.
    pub frames: Vec<Vec<u8>>,
    /// Where they arrive.
    pub arrivals: Arrivals<'lab>,
    subject: Subject,
    /// What makes both ends known: a broadcast of each.
    hello: [Vec<u8>; 2],
    /// Where the other end sends.
    pub answers: Generator,
    /// Frames end where they have been counted, so that the receiver's stack, the same behind every path, does not
    /// make them look alike.
    _end: OwnedFd,
}

/// What ends frames where they arrive, once they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    /// TC's ingress hook, behind which the stack would come: of what drops what arrives as a packet, the cheapest.
    Stack,
    /// Native XDP.
    Xdp,
}

impl Consumer {
    /// Has it end what a container receives, for as long as the descriptor is open.
    fn put(self, receiver: &Netns) -> Result<OwnedFd> {
        match self {
            Self::Stack => bpf::drop_packets(receiver, INTERFACE),
            Self::Xdp => bpf::drop_on_arrival(receiver, INTERFACE),
        }
    }
}

impl<'lab> Path<'lab> {
    /// Opens the path between two containers, which get these MACs, for frames that are made elsewhere.
    pub fn between(
        consumer: Consumer,
        name: &'static str,
        ends: [&'lab Netns; 2],
        macs: [[u8; 6]; 2],
    ) -> Result<Self> {
        for (netns, mac) in ends.into_iter().zip(macs) {
            let mac = text(mac);
            netns.ip(&format!("link set {INTERFACE} address {mac} up"))?;
        }
        let talk = Talk {
            macs: [macs[1], macs[0]],
            ..TALK
        };
        let subject = Subject::new(name, &[]);
        let path = Self::open(consumer, subject, ends, (talk, Lengths::Shortest))?;
        let frames = Vec::new();
        Ok(Self { frames, ..path })
    }

    /// Opens the path between two containers, of which the first talks like this.
    pub fn open(
        consumer: Consumer,
        subject: Subject,
        [sender, receiver]: [&'lab Netns; 2],
        (talk, lengths): (Talk, Lengths),
    ) -> Result<Self> {
        let [from, to] = MACS.map(|mac| Talk {
            macs: [[0xff; 6], mac],
            ..TALK
        });
        let hello = if talk.macs[1] == MACS[0] {
            [from, to]
        } else {
            [to, from]
        };
        Ok(Self {
            generator: Generator::open(sender, INTERFACE)?,
            frames: talk.frames(lengths),
            arrivals: Arrivals {
                by: subject.name,
                receiver,
            },
            subject,
            hello: hello.map(|talk| talk.frame(0, SHORTEST)),
            answers: Generator::open(receiver, INTERFACE)?,
            _end: consumer.put(receiver)?,
        })
    }

    /// Makes both stations known to what is between them, and sessions stand.
    pub fn prepare(&self) -> Result<()> {
        let [from, to] = &self.hello;
        self.answers.send(to)?;
        self.generator.send(from)?;
        self.frames
            .iter()
            .try_for_each(|frame| self.generator.send(frame))
    }

    /// Frames that arrive per second of the CPU time that their sender reports.
    pub fn rate(&self, send: impl FnOnce() -> Result<Duration>) -> Result<f64> {
        self.arrivals.rate(send)
    }
}

impl Measured for Path<'_> {
    fn name(&self) -> &'static str {
        self.subject.name
    }

    fn instances(&self) -> Vec<String> {
        self.subject.instances.clone()
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.prepare()?;
        // What ran before has left nothing of this path in the caches.
        self.generator.flood(&self.frames, time / WARM)?;
        let flood = || self.generator.flood(&self.frames, time);
        Ok([self.rate(flood)?])
    }

    fn parts(&self) -> u32 {
        PARTS
    }
}
