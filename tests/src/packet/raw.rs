//! Frames into and out of an interface, past the stack.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::{
        socket::{
            self, AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
            SockaddrLike, sockopt,
        },
        time::TimeVal,
    },
};

use crate::netns::Namespace;

/// The longest frame that a socket returns: a super-packet with its header.
const LONGEST: usize = 1 << 17;
/// How long one read may block; what is awaited may come after frames of others.
const STEP: TimeVal = TimeVal::new(0, 20_000);

/// An AF_PACKET socket on one interface.
#[derive(Debug)]
pub struct RawSocket {
    fd: OwnedFd,
    name: String,
}

impl RawSocket {
    /// Opens a socket on an interface of a namespace; it sees every frame from now on.
    pub fn open(namespace: &Namespace, interface: &str) -> Result<Self> {
        let name = format!("{interface} in {}", namespace.name());
        let index = namespace.ifindex(interface)?;
        let fd = namespace
            .within(|| packet_socket(index))
            .with_context(|| name.clone())?;
        Ok(Self { fd, name })
    }

    /// Sends a frame out of the interface.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        socket::send(self.fd.as_raw_fd(), frame, MsgFlags::empty())
            .with_context(|| format!("{} octets out of {}", frame.len(), self.name))?;
        Ok(())
    }

    /// The next frame, sent or received, that `wanted` takes; `None` after `timeout`.
    pub fn next(
        &self,
        timeout: Duration,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>> {
        let start = Instant::now();
        let mut buffer = vec![0; LONGEST];
        while start.elapsed() < timeout {
            match socket::recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(len) if wanted(&buffer[..len]) => return Ok(Some(buffer[..len].to_vec())),
                Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => return Err(error).with_context(|| self.name.clone()),
            }
        }
        Ok(None)
    }
}

fn packet_socket(index: u32) -> nix::Result<OwnedFd> {
    let fd = socket::socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )?;
    socket::setsockopt(&fd, sockopt::ReceiveTimeout, &STEP)?;
    socket::bind(fd.as_raw_fd(), &link_address(index))?;
    Ok(fd)
}

/// Address of an interface for a packet socket.
pub fn link_address(index: u32) -> LinkAddr {
    let address = nix::libc::sockaddr_ll {
        sll_family: nix::libc::AF_PACKET as u16,
        sll_protocol: (nix::libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = size_of_val(&address) as nix::libc::socklen_t;
    // SAFETY: points to a whole `sockaddr_ll` of that length, with its family set.
    let address = unsafe { LinkAddr::from_raw((&raw const address).cast(), Some(len)) };
    address.expect("AF_PACKET is the family that LinkAddr takes")
}
