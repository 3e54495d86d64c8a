//! Frames as a container sends them, as fast as one CPU can.

use std::marker::PhantomData;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::{
    self, AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sockopt,
};

use super::cpu::Cpu;
use crate::run::netns::Netns;

/// Frames that one system call hands over.
const BATCH: usize = 64;
/// The most that a round may send, whatever its length.
const MOST: u64 = 20_000_000;

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
        let (whole, rest) = frames.split_at(frames.len() / BATCH * BATCH);
        let mut batches = Batches::new(whole);
        for _ in 0..whole.len() / BATCH {
            match batches.send(&self.fd) {
                Ok(_) | Err(Errno::ENOBUFS) => {}
                Err(error) => return Err(error).context("a batch of frames"),
            }
        }
        rest.iter().try_for_each(|frame| self.send(frame))
    }

    /// Sends the frames in turn for a while, from the first CPU; returns the CPU time that it took.
    pub fn flood(&self, frames: &[Vec<u8>], time: Duration) -> Result<Duration> {
        Cpu::first()?.time_of(|| self.send_for(frames, time))
    }

    fn send_for(&self, frames: &[Vec<u8>], time: Duration) -> Result<()> {
        let mut batches = Batches::new(frames);
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < time && sent < MOST {
            match batches.send(&self.fd) {
                // A full queue is the path's limit and not a failure.
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => sent += BATCH as u64,
                Err(error) => return Err(error).context("a batch of frames"),
            }
        }
        Ok(())
    }
}

/// Frames as `sendmmsg` takes them, made once: what is done per frame in user space would be measured
/// with the path.
struct Batches<'frames> {
    /// Whole batches, so that every frame comes as often as any other, or nearly so.
    headers: Vec<libc::mmsghdr>,
    /// The batch that is next.
    next: usize,
    _vectors: Vec<libc::iovec>,
    _frames: PhantomData<&'frames [u8]>,
}

impl<'frames> Batches<'frames> {
    fn new(frames: &'frames [Vec<u8>]) -> Self {
        let mut vectors: Vec<_> = frames
            .iter()
            .cycle()
            .take(frames.len().next_multiple_of(BATCH))
            .map(|frame| vector(frame))
            .collect();
        let headers = vectors.iter_mut().map(header).collect();
        Self {
            headers,
            next: 0,
            _vectors: vectors,
            _frames: PhantomData,
        }
    }

    /// Sends the next batch.
    fn send(&mut self, socket: &OwnedFd) -> nix::Result<i32> {
        let mut batches = self.headers.chunks_exact_mut(BATCH);
        let count = batches.len();
        let Some(batch) = batches.nth(self.next) else {
            return Ok(0);
        };
        self.next = (self.next + 1) % count;
        let headers = batch.as_mut_ptr();
        // SAFETY: the headers point to the vectors, these to the frames; all live as long as `self`,
        // and `sendmmsg` only reads the frames.
        Errno::result(unsafe { libc::sendmmsg(socket.as_raw_fd(), headers, BATCH as u32, 0) })
    }
}

fn vector(frame: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: frame.as_ptr().cast_mut().cast(),
        iov_len: frame.len(),
    }
}

fn header(vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: a C structure of integers and pointers, for which zero is a value.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
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
