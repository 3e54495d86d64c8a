//! VXLAN that arrives at a host as from a NIC: XDP frames, injected by the kernel's own test run.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::KERNEL;
use super::hosts::{Pair, UPLINK, VTEPS};
use crate::bench::cpu::Cpu;
use crate::bench::live::LiveFrames;
use crate::bench::measure::Measured;
use crate::bench::path::{self, Consumer, Path};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};
use crate::run::process;

/// Frames that one system call injects.
const AT_ONCE: u32 = 1 << 15;

/// Measures and prints, with the containers' stack and with XDP at the end.
pub fn run(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let stack = ["ln", "lx", "lk"].map(|label| Pair::create(prefix, label));
    let [tc, xdp, kernel] = stack;
    let (tc, xdp, kernel) = (tc?, xdp?, kernel?);
    let _running = [
        tc.netfwd(loader, prefix, "off")?,
        xdp.netfwd(loader, prefix, "native")?,
    ];
    kernel.kernel()?;
    let into = Consumer::Stack;
    let streams = [
        Arriving::open(into, "netfwd, XDP on the uplink", &xdp)?,
        Arriving::open(into, KERNEL, &kernel)?,
        Arriving::open(into, "netfwd, TC", &tc)?,
    ];
    compare(session, Consumer::Stack, &streams)?;
    into_xdp(session)
}

fn into_xdp(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let [xdp, kernel] = ["cx", "ck"].map(|label| Pair::create(prefix, label));
    let (xdp, kernel) = (xdp?, kernel?);
    let _running = xdp.netfwd(loader, prefix, "native")?;
    kernel.kernel()?;
    let streams = [
        Arriving::open(Consumer::Xdp, "netfwd, XDP on the uplink", &xdp)?,
        Arriving::open(Consumer::Xdp, KERNEL, &kernel)?,
    ];
    compare(session, Consumer::Xdp, &streams)
}

fn compare(session: &Session<'_>, into: Consumer, streams: &[Arriving<'_>]) -> Result<()> {
    let measured: Vec<&dyn Measured> = streams.iter().map(|stream| stream as _).collect();
    let (id, end) = match into {
        Consumer::Stack => ("vxlan/live-stack", "the container's stack"),
        Consumer::Xdp => ("vxlan/live-xdp", "XDP in the container"),
    };
    let heading = Heading {
        id,
        title: &format!("vxlan: 64-byte frames that arrive as XDP frames, into {end}"),
        unit: Unit::FramesPerSecond,
        reference: KERNEL,
    };
    session.compare([heading], &measured)
}

/// Frames that host a's end of the underlay sends to host b, past host a itself.
struct Arriving<'pair> {
    path: Path<'pair>,
    pair: &'pair Pair,
    frames: LiveFrames,
}

impl<'pair> Arriving<'pair> {
    fn open(into: Consumer, name: &'static str, pair: &'pair Pair) -> Result<Self> {
        let [a, b] = &pair.hosts;
        // With GRO a veth has NAPI, and takes XDP frames.
        offload(b, UPLINK, "gro on")?;
        let [sender, receiver] = &pair.containers;
        let path = Path::into(into, name, sender, receiver)?;
        let frame = [outer(mac(b)?, mac(a)?).as_slice(), &path.frames[0]].concat();
        let frames = LiveFrames::load(&frame, &[SOURCE_PORT, INNER_SOURCE_PORT])?;
        Ok(Self { path, pair, frames })
    }
}

impl Measured for Arriving<'_> {
    fn name(&self) -> &'static str {
        self.path.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.path.prepare()?;
        // The stations are known when their frames have crossed, and neighbours been asked for.
        std::thread::sleep(Duration::from_millis(50));
        let cpu = Cpu::first()?;
        let inject = || {
            let index = nix::net::if_::if_nametoindex(UPLINK)?;
            cpu.time_of(|| self.frames.inject(index, AT_ONCE, time))
        };
        Ok([self.path.rate(|| self.pair.hosts[0].enter(inject))?])
    }
}

/// Octets of the outer headers: Ethernet, IPv4, UDP, VXLAN.
const OUTER: usize = 14 + 20 + 8 + 8;
/// Where the low octet of the outer UDP source port is.
const SOURCE_PORT: u16 = 14 + 20 + 1;
/// Where that of the inner one is.
const INNER_SOURCE_PORT: u16 = OUTER as u16 + SOURCE_PORT;

/// The headers of VXLAN from host a to host b, around one of the path's frames.
fn outer(dst: [u8; 6], src: [u8; 6]) -> Vec<u8> {
    const INNER: u16 = 60;
    let [from, to] = VTEPS.map(|vtep| vtep.parse::<std::net::Ipv4Addr>().expect("an address"));
    let total = (20 + 8 + 8 + INNER).to_be_bytes();
    let mut ip = [
        &[0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0][..],
        &from.octets(),
        &to.octets(),
    ]
    .concat();
    let check = path::checksum(&ip);
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    let udp = [50_000_u16, 4789, 8 + 8 + INNER, 0].map(u16::to_be_bytes);
    let vxlan = [0x08, 0, 0, 0, 0, 0, 200, 0];
    [&dst[..], &src, &[0x08, 0], &ip, &udp.concat(), &vxlan].concat()
}

/// The MAC address of a host's uplink.
fn mac(host: &crate::run::netns::Netns) -> Result<[u8; 6]> {
    let mut ip = Command::new("ip");
    ip.args(["-n", host.name(), "-j", "link", "show", UPLINK]);
    let json = process::run(&mut ip, Duration::from_secs(10))?;
    let links: serde_json::Value = serde_json::from_str(&json)?;
    let text = links[0]["address"].as_str().context("no MAC address")?;
    let octets: Vec<u8> = text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16))
        .collect::<Result<_, _>>()?;
    octets.try_into().ok().context("six octets")
}

fn offload(netns: &crate::run::netns::Netns, interface: &str, setting: &str) -> Result<()> {
    let mut command = netns.command("ethtool");
    command.args(["-K", interface]).args(setting.split(' '));
    process::run(&mut command, Duration::from_secs(10))?;
    Ok(())
}
