//! One socket on every interface of a namespace: frames into any of them, and what comes out of
//! which.

use std::{
    collections::BTreeMap,
    io::IoSliceMut,
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    libc, setsockopt_impl,
    sys::{
        socket::{
            self, AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol,
            SockType, UnknownCmsg, sockopt,
        },
        time::TimeVal,
    },
};

use crate::{netns::Namespace, packet::link_address};

/// No frame of these tests is longer.
const LONGEST: usize = 1 << 14;
/// How long one read may block.
const STEP: TimeVal = TimeVal::new(0, 5_000);
/// Room for a frame to each of 1,000 ports, several times.
const QUEUE: usize = 64 << 20;
/// `sll_pkttype` of what this host sent itself.
const OUTGOING: u8 = 4;

/// Asks for what the kernel keeps beside a frame: its tag.
#[derive(Clone, Copy, Debug)]
struct Auxdata;

setsockopt_impl!(
    Auxdata,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool,
    sockopt::SetBool
);

/// A frame that came out of a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// The port's number.
    pub port: usize,
    /// The frame; a tag that the kernel keeps beside it is put back in.
    pub frame: Vec<u8>,
}

/// A socket on the interfaces `e1`, `e2`, … of a namespace. It does not show what the host's own
/// stack says: a bridge reports the groups that it joins itself.
#[derive(Debug)]
pub struct Wire {
    fd: OwnedFd,
    /// Port number by ifindex.
    ports: BTreeMap<usize, usize>,
    /// Ifindex by port number, from 1 on.
    indexes: Vec<u32>,
}

impl Wire {
    /// Opens it on as many interfaces; from now on it sees every frame that comes in by them.
    pub fn open(namespace: &Namespace, ports: usize) -> Result<Self> {
        let indexes = (1..=ports)
            .map(|port| namespace.ifindex(&super::container_end(port)))
            .collect::<Result<Vec<_>>>()?;
        let fd = namespace.within(socket_on_all).context("a packet socket")?;
        let ports = (1..).zip(&indexes);
        Ok(Self {
            fd,
            ports: ports.map(|(port, index)| (*index as usize, port)).collect(),
            indexes,
        })
    }

    /// Sends a frame, as the container behind the port would.
    pub fn send(&self, port: usize, frame: &[u8]) -> Result<()> {
        let to = link_address(self.indexes[port - 1]);
        socket::sendto(self.fd.as_raw_fd(), frame, &to, MsgFlags::empty())
            .with_context(|| format!("{} octets from port {port}", frame.len()))?;
        Ok(())
    }

    /// What arrives: until `count` frames are here and then none came for `quiet`, or until none came
    /// for `patience`.
    pub fn arrivals(
        &self,
        count: usize,
        quiet: Duration,
        patience: Duration,
    ) -> Result<Vec<Arrival>> {
        let mut arrivals = Vec::new();
        let mut last = Instant::now();
        let mut buffer = vec![0; LONGEST];
        loop {
            if let Some(arrival) = self.receive(&mut buffer)? {
                arrivals.push(arrival);
                last = Instant::now();
            }
            let wait = if arrivals.len() < count {
                patience
            } else {
                quiet
            };
            if last.elapsed() >= wait {
                return Ok(arrivals);
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<Option<Arrival>> {
        let mut parts = [IoSliceMut::new(buffer)];
        let mut control = [0; 128];
        let fd = self.fd.as_raw_fd();
        let received =
            socket::recvmsg::<LinkAddr>(fd, &mut parts, Some(&mut control), MsgFlags::empty());
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(error) => return Err(error).context("a packet socket"),
        };
        let (len, from) = (received.bytes, received.address);
        let tag = received.cmsgs()?.find_map(|message| tag(&message));
        let from = from.context("a frame has come in by an interface")?;
        let Some(port) = self.ports.get(&from.ifindex()) else {
            return Ok(None);
        };
        if from.pkttype() == OUTGOING || buffer[6..12] == super::HOST_MAC {
            return Ok(None);
        }
        ensure!(len < LONGEST, "a frame longer than any that was sent");
        let frame = with_tag(&buffer[..len], tag);
        Ok(Some(Arrival { port: *port, frame }))
    }
}

fn socket_on_all() -> nix::Result<OwnedFd> {
    let fd = socket::socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )?;
    socket::setsockopt(&fd, sockopt::ReceiveTimeout, &STEP)?;
    socket::setsockopt(&fd, sockopt::RcvBufForce, &QUEUE)?;
    socket::setsockopt(&fd, Auxdata, &true)?;
    Ok(fd)
}

/// EtherType and contents of the tag that the kernel took out of a frame.
fn tag(message: &ControlMessageOwned) -> Option<[u8; 4]> {
    const VALID: u32 = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;
    let ControlMessageOwned::Unknown(UnknownCmsg { data_bytes, .. }) = message else {
        return None;
    };
    // struct tpacket_auxdata: the status first, the tag's contents and EtherType last.
    let (status, rest) = data_bytes.split_first_chunk()?;
    let (_, [c, d, a, b]) = rest.get(..16)?.split_last_chunk()?;
    let number = |octets: [u8; 2]| u16::from_ne_bytes(octets).to_be_bytes();
    let ([a, b], [c, d]) = (number([*a, *b]), number([*c, *d]));
    (u32::from_ne_bytes(*status) & VALID == VALID).then_some([a, b, c, d])
}

fn with_tag(frame: &[u8], tag: Option<[u8; 4]>) -> Vec<u8> {
    const ADDRESSES: usize = 12;
    match (tag, frame.split_at_checked(ADDRESSES)) {
        (Some(tag), Some((addresses, rest))) => [addresses, &tag, rest].concat(),
        _ => frame.to_vec(),
    }
}
