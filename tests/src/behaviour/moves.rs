//! Stations that move between hosts: one packet from where they are now is enough.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::{
    packet::{BROADCAST, Ipv4, Mac, RawSocket, ether_type, ethernet},
    topology::{Container, TwoHosts},
    traffic::{Ping, ping},
};

/// Time in which a frame that is forwarded has arrived.
const SOON: Duration = Duration::from_secs(2);
/// Time in which a frame that is not forwarded has not arrived.
const NEVER: Duration = Duration::from_millis(200);

/// A container's wire.
struct Wire<'hosts> {
    socket: RawSocket,
    container: &'hosts Container,
}

impl<'hosts> Wire<'hosts> {
    fn open(container: &'hosts Container) -> Result<Self> {
        let socket = RawSocket::open(&container.ns, "eth0")?;
        Ok(Self { socket, container })
    }

    fn receives(&self, frame: &[u8], within: Duration) -> Result<bool> {
        let is = |seen: &[u8]| seen.starts_with(frame);
        Ok(self.socket.next(within, is)?.is_some())
    }
}

fn frame(dst: Mac, src: Mac, payload: &[u8]) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.200", "10.0.3.201").udp(9, 9, payload);
    ethernet(dst, src, ether_type::IPV4, &ip)
}

/// It says so to everybody.
pub fn by_broadcast(hosts: &TwoHosts) -> Result<()> {
    to_and_fro(hosts, [2, 0, 0, 0, 0xee, 1], |_| BROADCAST)
}

/// It says so to one station on the other host, so that both hosts see that one frame.
pub fn by_unicast(hosts: &TwoHosts) -> Result<()> {
    to_and_fro(hosts, [2, 0, 0, 0, 0xee, 2], |witness| witness.mac)
}

/// A station that is behind `c1`, then behind `c3`, then behind `c1` again. From everywhere it is
/// found where it has sent its last frame from, and nowhere else.
fn to_and_fro(hosts: &TwoHosts, mac: Mac, tells: impl Fn(&Container) -> Mac) -> Result<()> {
    let TwoHosts { c1, c2, c3, c4, .. } = hosts;
    ping(&c2.ns, c4.address, Ping::count(1))?.complete()?;
    let (c1, c2, c3, c4) = (
        Wire::open(c1)?,
        Wire::open(c2)?,
        Wire::open(c3)?,
        Wire::open(c4)?,
    );
    let turns = [(&c1, &c3, &c4), (&c3, &c1, &c2), (&c1, &c3, &c4)];
    for (turn, (now, before, witness)) in (1_u8..).zip(turns) {
        let told = frame(tells(witness.container), mac, &[b'm', turn, mac[5]]);
        now.socket.send(&told)?;
        ensure!(
            witness.receives(&told, SOON)?,
            "turn {turn}: its frame is lost"
        );
        for from in [&c2, &c4] {
            let what = || format!("turn {turn}, from c{}", from.container.number);
            let question = frame(mac, from.container.mac, &[b'q', turn, mac[5]]);
            from.socket.send(&question)?;
            ensure!(
                now.receives(&question, SOON).with_context(what)?,
                "{}: it is not found",
                what()
            );
            let old = before.receives(&question, NEVER)?;
            ensure!(!old, "{}: it is found where it was", what());
        }
    }
    Ok(())
}
