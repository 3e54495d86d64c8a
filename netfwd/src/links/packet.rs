//! Sending frames of our own making out of an interface.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::{LinkError, Tried, interface};

/// Sends a frame, Ethernet header included, out of an interface of the calling thread's namespace.
pub fn send(index: u32, frame: &[u8]) -> Result<(), LinkError> {
    try_send(index, frame).tried(|| format!("send a frame out of {}", interface(index)))
}

fn try_send(index: u32, frame: &[u8]) -> io::Result<()> {
    // Protocol 0: it receives nothing.
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: `sockaddr_ll` is plain data for which zeros are valid.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    to.sll_ifindex = index.cast_signed();
    // SAFETY: `frame` and `to` are live for the call, and their lengths are given.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const to).cast(),
            size_of_val(&to) as libc::socklen_t,
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
