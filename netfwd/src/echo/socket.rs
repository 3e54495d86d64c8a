//! Raw sockets that send echo requests which nobody may fragment.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::libc::{self, c_int};
use nix::sys::socket::{SockaddrIn6, recvfrom, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::packet::{self, Heard, Tag};

/// Octets of answers that wait until they are heard: some 5,000 small ones.
const WAITING: usize = 4 << 20;
/// Messages that are heard at a time.
const AT_ONCE: usize = 1 << 16;
/// ICMP_FILTER, include/uapi/linux/icmp.h, and ICMPV6_FILTER, include/uapi/linux/icmpv6.h.
const ICMP_FILTER: c_int = 1;
const ICMPV6_FILTER: c_int = 1;

/// A socket for echo of one family.
#[derive(Debug)]
pub struct Echo {
    socket: Socket,
    is_v4: bool,
}

impl Echo {
    /// Opens a socket that sends from an address of this host; from one that fits where it is
    /// unspecified.
    pub fn open(source: IpAddr) -> io::Result<Self> {
        let is_v4 = source.is_ipv4();
        let (domain, protocol) = if is_v4 {
            (Domain::IPV4, Protocol::ICMPV4)
        } else {
            (Domain::IPV6, Protocol::ICMPV6)
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::RcvBufForce, &WAITING)?;
        unfragmented(&socket, is_v4)?;
        quiet(&socket, is_v4)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        Ok(Self { socket, is_v4 })
    }

    /// Opens a socket for an address of either family, without a source of its own.
    pub fn towards(peer: IpAddr) -> io::Result<Self> {
        Self::open(match peer {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        })
    }

    /// Sends a request that makes an IP packet of so many octets; EMSGSIZE where the interface that it
    /// leaves by takes less.
    pub fn send(&self, to: IpAddr, tag: Tag, octets: usize) -> io::Result<()> {
        let message = packet::request(self.is_v4, tag, octets);
        self.socket
            .send_to(&message, &SocketAddr::new(to, 0).into())?;
        Ok(())
    }

    /// Shows what has come to `each`, without waiting for more.
    pub fn hear(&self, mut each: impl FnMut(Heard)) {
        // Of an answer the headers suffice; the rest of a datagram is dropped by the kernel.
        let mut buffer = [0; 256];
        for _ in 0..AT_ONCE {
            match self.next(&mut buffer) {
                Ok(Some(heard)) => each(heard),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An error that a packet of ours brought back is told once, and is no end.
                Ok(None) | Err(_) => {}
            }
        }
    }

    fn next(&self, buffer: &mut [u8]) -> io::Result<Option<Heard>> {
        if self.is_v4 {
            let len = (&self.socket).read(buffer)?;
            return Ok(packet::heard_v4(&buffer[..len]));
        }
        let (len, from) = recvfrom::<SockaddrIn6>(self.socket.as_raw_fd(), buffer)?;
        let from = from.map(|from| from.ip());
        Ok(from.and_then(|from| packet::heard_v6(from, &buffer[..len])))
    }
}

/// Has packets leave whole, whatever the kernel believes of the path (IP_PMTUDISC_PROBE), or not at all.
fn unfragmented(socket: &Socket, is_v4: bool) -> io::Result<()> {
    if is_v4 {
        return set(
            socket,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            &libc::IP_PMTUDISC_PROBE,
        );
    }
    setsockopt(socket, sockopt::Ipv6DontFrag, &true)?;
    set(
        socket,
        libc::IPPROTO_IPV6,
        libc::IPV6_MTU_DISCOVER,
        &libc::IPV6_PMTUDISC_PROBE,
    )
}

/// Keeps other ICMP from waking us: a set bit blocks a type.
fn quiet(socket: &Socket, is_v4: bool) -> io::Result<()> {
    if is_v4 {
        let blocked = !((1_u32 << 0) | (1 << 3));
        return set(socket, libc::SOL_RAW, ICMP_FILTER, &blocked);
    }
    let mut blocked = [u32::MAX; 8];
    for kind in [2_usize, 129] {
        blocked[kind / 32] &= !(1 << (kind % 32));
    }
    set(socket, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, &blocked)
}

/// Sets an option for which no crate here has a call.
fn set<T>(socket: &Socket, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` octets of a live value.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
