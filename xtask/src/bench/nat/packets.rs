//! 64-byte frames through sessions that stand, out of the network and into it.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Result;

use super::place::{CLIENT, HOST, HOST_MAC, PUBLISHED, Place, SERVER, TARGET};
use super::{KERNEL, Places};
use crate::bench::measure::{self, Measured, Rounds};
use crate::bench::path::{self, Consumer, FLOWS, MACS, Path};
use crate::bench::table;

/// Measures and prints.
pub fn run(places: &Places, rounds: Rounds) -> Result<()> {
    for way in [Way::Out, Way::In] {
        let flows = places
            .named()
            .map(|(name, place)| Flows::open(name, place, way));
        let flows = flows.into_iter().collect::<Result<Vec<_>>>()?;
        let measured: Vec<&dyn Measured> = flows.iter().map(|flows| flows as _).collect();
        let series = measure::interleaved(&measured, rounds)?;
        table::print(way.title(), &series, KERNEL);
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
    const fn title(self) -> &'static str {
        match self {
            Self::Out => "nat: 64-byte frames per second of one CPU, masqueraded",
            Self::In => "nat: 64-byte frames per second of one CPU, to a published port",
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

    fn round(&self, time: Duration) -> Result<f64> {
        let Self { path, frames } = self;
        // Stations are known and sessions stand before the round is measured.
        path.prepare()?;
        for frame in frames {
            path.generator.send(frame)?;
        }
        path.rate(|| path.generator.flood(frames, time))
    }
}
