//! A way from one container to another, whose frames are counted as they arrive.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::bpf;
use super::generator::Generator;
use super::measure::Measured;
use crate::run::{netns::Netns, process};

/// Flows that the frames belong to.
pub const FLOWS: u16 = 64;
/// MACs of the sending and of the receiving container.
pub const MACS: [[u8; 6]; 2] = [[0x02, 0, 0, 0, 0, 0x0b], [0x02, 0, 0, 0, 0, 0x0c]];
/// The interface of a container.
const INTERFACE: &str = "eth0";

/// A sender, a receiver, and something between them.
pub struct Path<'lab> {
    /// What is between them.
    pub name: &'static str,
    /// Where frames go in.
    pub generator: Generator,
    /// The frames.
    pub frames: Vec<Vec<u8>>,
    macs: [[u8; 6]; 2],
    receiver: &'lab Netns,
    answers: Generator,
    _consumer: Option<OwnedFd>,
}

/// What ends frames where they arrive, once they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    /// The firewall's ingress hook, behind which the stack would come.
    Stack,
    /// Native XDP.
    Xdp,
}

impl<'lab> Path<'lab> {
    /// Opens the path between two containers whose interfaces stand and are connected.
    pub fn open(name: &'static str, sender: &'lab Netns, receiver: &'lab Netns) -> Result<Self> {
        Self::into(Consumer::Stack, name, sender, receiver)
    }

    /// Does the same for another consumer.
    pub fn into(
        consumer: Consumer,
        name: &'static str,
        sender: &'lab Netns,
        receiver: &'lab Netns,
    ) -> Result<Self> {
        Self::between(consumer, name, [sender, receiver], MACS)
    }

    /// Does the same for stations with these MACs.
    pub fn between(
        consumer: Consumer,
        name: &'static str,
        [sender, receiver]: [&'lab Netns; 2],
        macs: [[u8; 6]; 2],
    ) -> Result<Self> {
        for (netns, mac) in [sender, receiver].into_iter().zip(macs) {
            let mac = text(mac);
            netns.ip(&format!("link set {INTERFACE} address {mac} up"))?;
        }
        let consumer = match consumer {
            Consumer::Stack => drop_on_arrival(receiver).map(|()| None),
            Consumer::Xdp => bpf::drop_on_arrival(receiver, INTERFACE).map(Some),
        };
        let [from, to] = macs;
        Ok(Self {
            name,
            macs,
            generator: Generator::open(sender, INTERFACE)?,
            frames: (0..FLOWS).map(|flow| datagram(to, from, flow)).collect(),
            answers: Generator::open(receiver, INTERFACE)?,
            receiver,
            _consumer: consumer?,
        })
    }

    /// Makes both stations known to what is between them.
    pub fn prepare(&self) -> Result<()> {
        let [from, to] = self.macs;
        self.answers.send(&datagram([0xff; 6], to, 0))?;
        self.generator.send(&datagram([0xff; 6], from, 0))
    }

    /// Frames that arrive per second of the CPU time that their sender reports.
    pub fn rate(&self, send: impl FnOnce() -> Result<Duration>) -> Result<f64> {
        let before = self.received()?;
        let elapsed = send()?;
        // What waits for a softirq thread is late, not lost.
        thread::sleep(Duration::from_millis(10));
        let received = self.received()? - before;
        ensure!(received > 0, "nothing arrived by {}", self.name);
        Ok(received as f64 / elapsed.as_secs_f64())
    }

    /// Frames that the receiver's interface has received so far.
    fn received(&self) -> Result<u64> {
        let table = self
            .receiver
            .enter(|| Ok(fs::read_to_string("/proc/thread-self/net/dev")?))?;
        let row = table.lines().find_map(|line| {
            let (name, counters) = line.split_once(':')?;
            (name.trim() == INTERFACE).then_some(counters)
        });
        let packets = row.and_then(|row| row.split_whitespace().nth(1)?.parse().ok());
        packets.with_context(|| format!("no counters of {INTERFACE}"))
    }
}

impl Measured for Path<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.prepare()?;
        let rate = self.rate(|| self.generator.flood(&self.frames, time))?;
        Ok([rate])
    }
}

/// Frames end where they have been counted, so that the receiver's stack, the same behind every path,
/// does not make them look alike. Of what the kernel has to drop them, this is the cheapest.
fn drop_on_arrival(receiver: &Netns) -> Result<()> {
    let chain = format!(
        "add table netdev sink; add chain netdev sink incoming \
         {{ type filter hook ingress device {INTERFACE} priority 0; policy drop; }}"
    );
    let mut nft = receiver.command("nft");
    process::run(nft.arg(chain), Duration::from_secs(10))?;
    Ok(())
}

fn datagram(dst: [u8; 6], src: [u8; 6], flow: u16) -> Vec<u8> {
    let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, 11), 1024 + flow);
    let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, 12), 9);
    shortest([dst, src], from, to)
}

/// A UDP datagram in the shortest frame, 64 octets with its check sequence.
pub fn shortest(macs: [[u8; 6]; 2], from: SocketAddrV4, to: SocketAddrV4) -> Vec<u8> {
    const PAYLOAD: usize = 60 - 14 - 20 - 8;
    let fixed = [0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0];
    let mut ip = [&fixed[..], &from.ip().octets(), &to.ip().octets()].concat();
    let check = checksum(&ip);
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    let udp = [from.port(), to.port(), 26, 0].map(u16::to_be_bytes);
    let ethernet = [macs[0], macs[1]].concat();
    [&ethernet[..], &[0x08, 0], &ip, &udp.concat(), &[0; PAYLOAD]].concat()
}

/// A MAC address as commands write it.
pub fn text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// The checksum of an IPv4 header whose own field is zero.
pub fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    !((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_least_length_and_a_right_header() {
        let frame = datagram(MACS[1], MACS[0], 7);
        assert_eq!(frame.len(), 60);
        assert_eq!(checksum(&frame[14..34]), 0);
    }
}
