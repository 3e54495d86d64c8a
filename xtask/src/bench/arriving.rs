//! Frames that arrive at a host as from a NIC, and are counted in a container.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::cpu::Cpu;
use super::live::LiveFrames;
use super::measure::{Measured, PARTS};
use super::path::{Path, WARM};
use crate::run::netns::Netns;
use crate::run::process;

/// Frames that one system call injects.
const AT_ONCE: u32 = 1 << 15;

/// Frames that are injected at the other end of a host's uplink, and come to it as XDP frames.
pub struct Arriving<'lab> {
    /// The way of the frames inside; what goes before them makes the stations known.
    pub path: Path<'lab>,
    /// What has the other end of the uplink.
    pub outside: &'lab Netns,
    /// That end.
    pub interface: &'static str,
    /// The frames.
    pub frames: LiveFrames,
    /// What the container says to them, once, so that sessions are established.
    pub answers: Vec<Vec<u8>>,
}

impl Arriving<'_> {
    fn inject(&self, time: Duration) -> Result<Duration> {
        let cpu = Cpu::first()?;
        self.outside.enter(|| {
            let index = nix::net::if_::if_nametoindex(self.interface)?;
            cpu.time_of(|| self.frames.inject(index, AT_ONCE, time))
        })
    }
}

impl Measured for Arriving<'_> {
    fn name(&self) -> &'static str {
        self.path.name()
    }

    fn instances(&self) -> Vec<String> {
        self.path.instances()
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.path.prepare()?;
        // The stations are known when their frames have crossed, and neighbours been asked for.
        std::thread::sleep(Duration::from_millis(50));
        for answer in &self.answers {
            self.path.answers.send(answer)?;
        }
        self.inject(time / WARM)?;
        Ok([self.path.rate(|| self.inject(time))?])
    }

    fn parts(&self) -> u32 {
        PARTS
    }
}

/// Has a veth take XDP frames: with GRO it has NAPI.
pub fn take_frames(netns: &Netns, interface: &str) -> Result<()> {
    let mut command = netns.command("ethtool");
    command.args(["-K", interface, "gro", "on"]);
    process::run(&mut command, Duration::from_secs(10))?;
    Ok(())
}

/// The MAC address of an interface.
pub fn mac(netns: &Netns, interface: &str) -> Result<[u8; 6]> {
    let mut ip = Command::new("ip");
    ip.args(["-n", netns.name(), "-j", "link", "show", interface]);
    let json = process::run(&mut ip, Duration::from_secs(10))?;
    let links: serde_json::Value = serde_json::from_str(&json)?;
    let text = links[0]["address"].as_str().context("no MAC address")?;
    let octets: Vec<u8> = text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16))
        .collect::<Result<_, _>>()?;
    octets.try_into().ok().context("six octets")
}
