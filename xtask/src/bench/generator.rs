//! Frames as a container sends them, as fast as one CPU can.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::{
    self, AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sockopt,
};

use super::batch::Batches;
use super::cpu::Cpu;
use crate::run::netns::Netns;

/// Skips the queue of the interface, as a container's own traffic on a veth does.
#[derive(Clone, Copy, Debug)]
struct QdiscBypass;

setsockopt_impl!(
    QdiscBypass,
    libc::SOL_PACKET,
    libc::PACKET_QDISC_BYPASS,
    bool,
    sockopt::SetBool
);

/// A socket that sends frames out of an interface.
pub struct Generator {
    fd: OwnedFd,
}

impl Generator {
    /// Opens it on an interface of a namespace.
    pub fn open(netns: &Netns, interface: &str) -> Result<Self> {
        let fd = netns.enter(|| Ok(packet_socket(interface)?));
        let fd = fd.with_context(|| format!("a packet socket in {}", netns.name()))?;
        Ok(Self { fd })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        socket::send(self.fd.as_raw_fd(), frame, MsgFlags::empty())?;
        Ok(())
    }

    /// Sends each of the frames once.
    pub fn each(&self, frames: &[Vec<u8>]) -> Result<()> {
        Batches::new(frames).send_once(&self.fd)
    }

    /// Sends frames of these, each once, for a while, from the first CPU; returns the CPU time that it took.
    pub fn go_on(&self, frames: &mut Batches<'_>, time: Duration) -> Result<Duration> {
        Cpu::first()?.time_of(|| frames.send_rest(&self.fd, time))
    }

    /// Sends the frames in turn for a while, from the first CPU; returns the CPU time that it took.
    pub fn flood(&self, frames: &[Vec<u8>], time: Duration) -> Result<Duration> {
        Cpu::first()?.time_of(|| Batches::new(frames).send_for(&self.fd, time))
    }
}

fn packet_socket(interface: &str) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    // Protocol 0: it receives nothing, which would cost the path that is measured.
    let fd = socket::socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    socket::setsockopt(&fd, QdiscBypass, &true)?;
    let index = nix::net::if_::if_nametoindex(interface)?;
    socket::bind(fd.as_raw_fd(), &link_address(index))?;
    Ok(fd)
}

fn link_address(index: u32) -> LinkAddr {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: 0,
        sll_ifindex: index as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: points to a whole `sockaddr_ll` of that length, with its family set.
    let address = unsafe { LinkAddr::from_raw((&raw const address).cast(), Some(len)) };
    address.expect("AF_PACKET is the family that LinkAddr takes")
}
