//! New TCP connections that a tester offers: what translates them is measured, and neither end's sockets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Result;

use super::place::{CLIENT, HOST, HOST_MAC, SERVER};
use crate::bench::arrivals::{Arrivals, INTERFACE};
use crate::bench::batch::Batches;
use crate::bench::bpf;
use crate::bench::generator::Generator;
use crate::bench::handshakes;
use crate::bench::load::{Ends, MOST_CONNECTIONS, Ways};
use crate::bench::measure::{Measured, PARTS};
use crate::bench::path::{MACS, WARM};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};

const ID: &str = "nat/connections-offered";
/// The server's l4 port, and the client's first.
const PORT: u16 = 7000;
const FIRST_PORT: u16 = 2048;

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    if !session.wants(ID) {
        return Ok(());
    }
    let testers = ways
        .ends
        .iter()
        .map(Tester::open)
        .collect::<Result<Vec<_>>>()?;
    let measured: Vec<&dyn Measured> = testers.iter().map(|tester| tester as _).collect();
    let heading = Heading {
        id: ID,
        title: "nat: new TCP connections, offered by a tester that has no sockets",
        unit: Unit::ConnectionsPerSecond,
        reference: ways.reference,
    };
    session.compare([heading], &measured)
}

/// Who offers connections to one way.
struct Tester<'lab> {
    ends: &'lab Ends<'lab>,
    client: Generator,
    frames: Vec<Vec<u8>>,
    /// The server's answers, counted where the client would have them.
    answers: Arrivals<'lab>,
    _server: OwnedFd,
    _end: OwnedFd,
}

impl<'lab> Tester<'lab> {
    fn open(ends: &'lab Ends<'lab>) -> Result<Self> {
        let server = SocketAddrV4::new(SERVER, PORT);
        let frames = (FIRST_PORT..FIRST_PORT + MOST_CONNECTIONS).flat_map(|port| {
            handshakes::frames([HOST_MAC, MACS[0]], SocketAddrV4::new(CLIENT, port), server)
        });
        Ok(Self {
            ends,
            client: Generator::open(ends.from, INTERFACE)?,
            frames: frames.collect(),
            answers: Arrivals {
                by: ends.subject.name,
                receiver: ends.from,
            },
            _server: handshakes::answer(ends.to, seen_as(ends))?,
            _end: bpf::drop_packets(ends.from, INTERFACE)?,
        })
    }
}

/// Whom the server sees: only what is translated is answered, where there is a translation.
fn seen_as(ends: &Ends<'_>) -> Ipv4Addr {
    if ends.forget.is_some() { HOST } else { CLIENT }
}

impl Measured for Tester<'_> {
    fn name(&self) -> &'static str {
        self.ends.subject.name
    }

    fn instances(&self) -> Vec<String> {
        self.ends.subject.instances.clone()
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.ends.forget()?;
        let mut frames = Batches::new(&self.frames);
        self.client.go_on(&mut frames, time / WARM)?;
        let offer = || self.client.go_on(&mut frames, time);
        Ok([self.answers.rate(offer)?])
    }

    fn parts(&self) -> u32 {
        PARTS
    }
}
