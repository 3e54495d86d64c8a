//! 64-byte frames through sessions that stand, out of the network and into it.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Result;

use super::place::{CLIENT, HOST, HOST_MAC, PUBLISHED, Place, SERVER, TARGET};
use super::{KERNEL, Places};
use crate::bench::measure::Measured;
use crate::bench::path::{self, Consumer, FLOWS, MACS, Path};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};

/// Measures and prints.
pub fn run(session: &Session<'_>, places: &Places) -> Result<()> {
    for way in [Way::Out, Way::In] {
        let flows = places
            .named()
            .map(|(name, place)| Flows::open(name, place, way));
        let flows = flows.into_iter().collect::<Result<Vec<_>>>()?;
        let measured: Vec<&dyn Measured> = flows.iter().map(|flows| flows as _).collect();
        let heading = Heading {
            id: way.id(),
            title: way.title(),
            unit: Unit::FramesPerSecond,
            reference: KERNEL,
        };
        session.compare([heading], &measured)?;
    }
    Ok(())
}

/// Who sends.
#[derive(Debug, Clone, Copy)]
enum Way {
    Out,
    In,
}

impl Way {
    const fn id(self) -> &'static str {
        match self {
            Self::Out => "nat/packets-64-out",
            Self::In => "nat/packets-64-in",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Out => "nat: 64-byte frames, masqueraded",
            Self::In => "nat: 64-byte frames to a published port",
        }
    }

    /// The frame of a flow.
    fn frame(self, flow: u16) -> Vec<u8> {
        let at = SocketAddrV4::new;
        let port = 1024 + flow;
        match self {
            Self::Out => path::shortest([HOST_MAC, MACS[0]], at(CLIENT, port), at(SERVER, TARGET)),
            Self::In => path::shortest([HOST_MAC, MACS[1]], at(SERVER, port), at(HOST, PUBLISHED)),
        }
    }
}

/// Frames from one end of a place to the other.
struct Flows<'lab> {
    path: Path<'lab>,
    frames: Vec<Vec<u8>>,
}

impl<'lab> Flows<'lab> {
    fn open(name: &'static str, place: &'lab Place, way: Way) -> Result<Self> {
        let [from, to] = match way {
            Way::Out => [&place.client, &place.server],
            Way::In => [&place.server, &place.client],
        };
        let macs = match way {
            Way::Out => MACS,
            Way::In => [MACS[1], MACS[0]],
        };
        Ok(Self {
            path: Path::between(Consumer::Stack, name, [from, to], macs)?,
            frames: (0..FLOWS).map(|flow| way.frame(flow)).collect(),
        })
    }
}

impl Measured for Flows<'_> {
    fn name(&self) -> &'static str {
        self.path.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        let Self { path, frames } = self;
        // Stations are known and sessions stand before the round is measured.
        path.prepare()?;
        for frame in frames {
            path.generator.send(frame)?;
        }
        Ok([path.rate(|| path.generator.flood(frames, time))?])
    }
}
