//! UDP in super-packets: `UDP_SEGMENT` hands the kernel one buffer for many datagrams.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{setsockopt, sockopt};

use super::{fill, holds};
use crate::netns::Namespace;

/// Octets of payload of one datagram: a full packet on a network with an MTU of 1450, less the
/// headers.
const SEGMENT: usize = 1400;
/// Datagrams of one super-packet: as many as an IP packet's length field allows.
const SEGMENTS: usize = 46;
/// Octets that may be on their way unacknowledged; the receiver's buffer takes ten times that, so
/// that what is lost was not lost in a buffer.
const WINDOW: u64 = 512 * 1024;
const RECEIVE_BUFFER: usize = 16 << 20;
/// The sender gives up when nothing more arrives for so long.
const STALL: Duration = Duration::from_secs(2);
/// How long one read blocks.
const STEP: Duration = Duration::from_millis(20);
/// Octets in front of a datagram's data: its offset in the whole.
const OFFSET: usize = 8;

/// What arrived of a transfer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Datagrams {
    /// Octets sent, offsets included.
    pub sent: u64,
    /// Octets received, offsets included.
    pub received: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams that came out of order.
    pub reordered: u64,
    /// Reads that brought them: fewer where datagrams arrive together.
    pub reads: u64,
}

impl Datagrams {
    /// An error unless everything arrived.
    pub fn complete(self) -> Result<Self> {
        ensure!(
            self.received == self.sent,
            "{} of {} octets came",
            self.received,
            self.sent
        );
        Ok(self)
    }
}

/// Sends `bytes` octets with `UDP_SEGMENT` to a server at `address` that checks each and
/// acknowledges.
pub fn udp_segments(
    server: &Namespace,
    address: impl Into<IpAddr>,
    client: &Namespace,
    bytes: u64,
) -> Result<Datagrams> {
    transfer(server, address.into(), client, bytes, false)
}

/// Does the same to a server that takes several datagrams in one read, by `UDP_GRO`.
pub fn udp_gro(
    server: &Namespace,
    address: impl Into<IpAddr>,
    client: &Namespace,
    bytes: u64,
) -> Result<Datagrams> {
    transfer(server, address.into(), client, bytes, true)
}

fn transfer(
    server: &Namespace,
    address: IpAddr,
    client: &Namespace,
    bytes: u64,
    together: bool,
) -> Result<Datagrams> {
    let receiver = server.within(|| UdpSocket::bind((address, 0)))?;
    setsockopt(&receiver, sockopt::UdpGroSegment, &together).context("UDP_GRO")?;
    // Root may exceed net.core.rmem_max.
    setsockopt(&receiver, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
    receiver.set_read_timeout(Some(STEP))?;
    let target = receiver.local_addr()?;
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let receiving = scope.spawn(|| receive(&receiver, bytes, together, &ended));
        let sent = client.within(|| send(target, bytes));
        ended.store(true, Ordering::Relaxed);
        let arrived = receiving.join().expect("the receiver does not panic")?;
        Ok(Datagrams {
            sent: sent?,
            ..arrived
        })
    })
}

/// Sends everything, or as much as is acknowledged; the answer is what was sent.
fn send(target: SocketAddr, bytes: u64) -> Result<u64> {
    let socket = UdpSocket::bind((any(target.ip()), 0))?;
    socket.connect(target)?;
    setsockopt(&socket, sockopt::UdpGsoSegment, &(SEGMENT as i32)).context("UDP_SEGMENT")?;
    socket.set_read_timeout(Some(STEP))?;
    let mut sent = 0;
    while sent < bytes {
        let buffer = super_packet(sent, bytes);
        socket
            .send(&buffer)
            .with_context(|| format!("at octet {sent}"))?;
        sent += buffer.len() as u64;
        let open = if sent == bytes { 0 } else { WINDOW };
        if !acknowledged(&socket, sent.saturating_sub(open)) {
            break;
        }
    }
    Ok(sent)
}

fn super_packet(sent: u64, bytes: u64) -> Vec<u8> {
    let len = (bytes - sent).min((SEGMENT * SEGMENTS) as u64) as usize;
    let mut buffer = vec![0; len];
    for (datagram, offset) in buffer.chunks_mut(SEGMENT).zip((sent..).step_by(SEGMENT)) {
        // A rest that holds no whole offset holds its beginning.
        let head = OFFSET.min(datagram.len());
        datagram[..head].copy_from_slice(&offset.to_be_bytes()[..head]);
        fill(&mut datagram[head..], offset);
    }
    buffer
}

/// Waits until so many octets are acknowledged; false when no more come.
fn acknowledged(socket: &UdpSocket, wanted: u64) -> bool {
    let mut last = Instant::now();
    let mut received = 0;
    let mut message = [0; 8];
    while received < wanted {
        if last.elapsed() > STALL {
            return false;
        }
        if socket.recv(&mut message).is_ok() {
            let now = u64::from_be_bytes(message);
            if now > received {
                (received, last) = (now, Instant::now());
            }
        }
    }
    true
}

fn receive(
    socket: &UdpSocket,
    bytes: u64,
    together: bool,
    ended: &AtomicBool,
) -> Result<Datagrams> {
    let mut report = Datagrams::default();
    let mut buffer = vec![0; 1 << 16];
    while report.received < bytes {
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                ensure!(
                    together || len <= SEGMENT,
                    "a datagram of {len} octets came"
                );
                report.reads += 1;
                buffer[..len]
                    .chunks(SEGMENT)
                    .try_for_each(|datagram| report.take(datagram))?;
                socket.send_to(&report.received.to_be_bytes(), from)?;
            }
            Err(_) if ended.load(Ordering::Relaxed) => break,
            Err(_) => {}
        }
    }
    Ok(report)
}

impl Datagrams {
    fn take(&mut self, datagram: &[u8]) -> Result<()> {
        if let Some((offset, data)) = datagram.split_first_chunk::<OFFSET>() {
            let offset = u64::from_be_bytes(*offset);
            ensure!(
                holds(data, offset),
                "the datagram at octet {offset} was not sent so"
            );
            self.reordered += u64::from(offset != self.received);
        }
        self.received += datagram.len() as u64;
        self.datagrams += 1;
        Ok(())
    }
}

/// The unspecified address of a target's family.
fn any(target: IpAddr) -> IpAddr {
    match target {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn super_packets_hold_what_the_receiver_expects() {
        let bytes = 3 * SEGMENT as u64 + 5;
        let mut report = Datagrams::default();
        for datagram in super_packet(0, bytes).chunks(SEGMENT) {
            report.take(datagram).unwrap();
        }
        assert_eq!(
            (report.received, report.reordered, report.datagrams),
            (bytes, 0, 4)
        );
    }
}
