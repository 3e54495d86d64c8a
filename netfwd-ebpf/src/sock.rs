//! Sockets of this host's own processes: what they send to a published port or a floating address goes to
//! the target. Packets to the host's own addresses never leave the loopback, where no program of ours sees
//! them, so it is the addresses that are exchanged, where the process names them and where it asks for them.
//!
//! A cgroup is of the whole machine: only sockets in the instance's network namespace are touched. These
//! programs run in processes' context and may be interrupted by those of the interfaces, so they use no
//! per-CPU memory.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_get_netns_cookie, bpf_get_socket_cookie},
    programs::SockAddrContext,
};
use netfwd_common::{
    addr::{Addr, UNSPECIFIED, any_like, from_v4, from_words, is_loopback, is_v4, low_v4, words},
    flow::mix,
    maps::{FloatingKey, Publish, PublishFlags, PublishKey, SocketKey, SocketPeer},
};

use crate::{
    balance,
    maps::{self, SOCKETS},
};

/// What a cgroup program returns so that the call goes on: anything else is EPERM for the process.
const GO_ON: i32 = 1;

/// An address family of sockets: how its addresses stand in the context.
pub trait Family {
    /// The address that the process named, or is to be told.
    fn read(ctx: &SockAddrContext) -> Addr;
    /// Exchanges it.
    fn write(ctx: &SockAddrContext, address: &Addr);
}

/// AF_INET.
pub enum V4 {}
/// AF_INET6, IPv4-mapped addresses included.
pub enum V6 {}

impl Family for V4 {
    #[inline(always)]
    fn read(ctx: &SockAddrContext) -> Addr {
        // SAFETY: the context is valid while the program runs. Volatile: the verifier takes whole fields.
        let address = unsafe { (&raw const (*ctx.sock_addr).user_ip4).read_volatile() };
        from_v4(address.to_ne_bytes())
    }

    #[inline(always)]
    fn write(ctx: &SockAddrContext, address: &Addr) {
        let address = u32::from_ne_bytes(low_v4(address));
        // SAFETY: as above; the hooks of this family may write the field.
        unsafe { (&raw mut (*ctx.sock_addr).user_ip4).write_volatile(address) };
    }
}

impl Family for V6 {
    #[inline(always)]
    fn read(ctx: &SockAddrContext) -> Addr {
        // SAFETY: as for IPv4.
        from_words(unsafe {
            let field = &raw const (*ctx.sock_addr).user_ip6;
            [
                (&raw const (*field)[0]).read_volatile(),
                (&raw const (*field)[1]).read_volatile(),
                (&raw const (*field)[2]).read_volatile(),
                (&raw const (*field)[3]).read_volatile(),
            ]
        })
    }

    #[inline(always)]
    fn write(ctx: &SockAddrContext, address: &Addr) {
        let [a, b, c, d] = words(address);
        // SAFETY: as for IPv4.
        unsafe {
            let field = &raw mut (*ctx.sock_addr).user_ip6;
            (&raw mut (*field)[0]).write_volatile(a);
            (&raw mut (*field)[1]).write_volatile(b);
            (&raw mut (*field)[2]).write_volatile(c);
            (&raw mut (*field)[3]).write_volatile(d);
        }
    }
}

/// `connect`, and `sendmsg` with a destination: redirects what goes to a listener.
#[inline(always)]
pub fn send<F: Family>(ctx: &SockAddrContext) -> i32 {
    let (named, port) = (F::read(ctx), port(ctx));
    let mut real = SocketPeer {
        address: UNSPECIFIED,
        port: 0,
        pad: 0,
    };
    if let Some(cookie) = ours(ctx)
        && finds(&named, port, protocol(ctx), cookie, &mut real)
    {
        remember(cookie, &real.address, real.port, &named, port);
        F::write(ctx, &real.address);
        set_port(ctx, real.port);
    }
    GO_ON
}

/// `recvmsg` and `getpeername`: tells the process the address that it named.
#[inline(always)]
pub fn receive<F: Family>(ctx: &SockAddrContext) -> i32 {
    if let Some(cookie) = ours(ctx) {
        let key = socket(cookie, &F::read(ctx), port(ctx));
        // SAFETY: an entry that is evicted meanwhile may become another socket's, whose address is then
        // told once; the process's packets are not concerned.
        if let Some(named) = unsafe { SOCKETS.get(key) } {
            F::write(ctx, &named.address);
            set_port(ctx, named.port);
        }
    }
    GO_ON
}

/// The cookie of a socket in the instance's network namespace.
#[inline(always)]
fn ours(ctx: &SockAddrContext) -> Option<u64> {
    let config = maps::config()?;
    // SAFETY: the helper takes the context.
    let netns = unsafe { bpf_get_netns_cookie(ctx.as_ptr()) };
    if netns != config.netns_cookie {
        return None;
    }
    // Last: a socket's first question for its cookie makes it, and every process of the machine comes by here.
    // SAFETY: as above.
    Some(unsafe { bpf_get_socket_cookie(ctx.as_ptr()) })
}

#[inline(always)]
fn port(ctx: &SockAddrContext) -> u16 {
    // SAFETY: as in `Family`. The field has the two octets of the wire first.
    let field = unsafe { (&raw const (*ctx.sock_addr).user_port).read_volatile() };
    u16::from_be(field as u16)
}

#[inline(always)]
fn set_port(ctx: &SockAddrContext, port: u16) {
    let field = u32::from(port.to_be());
    // SAFETY: as in `Family`.
    unsafe { (&raw mut (*ctx.sock_addr).user_port).write_volatile(field) };
}

/// The protocol of a socket. IPPROTO_MPTCP is 256 more than that of TCP, which it is on the wire.
#[inline(always)]
fn protocol(ctx: &SockAddrContext) -> u8 {
    // SAFETY: as in `Family`.
    unsafe { (&raw const (*ctx.sock_addr).protocol).read_volatile() as u8 }
}

/// Says whether packets to an address and l4 port really go elsewhere, and where. The answer alone is in a register: a
/// function that gives all of it by value has none, and the verifier refuses what is left in that one when it is a pointer into
/// the stack ("cannot return stack pointer to the caller").
#[inline(never)]
fn finds(named: &Addr, port: u16, proto: u8, cookie: u64, real: &mut SocketPeer) -> bool {
    let target = target(named, port, proto, cookie);
    if let Some((address, port)) = target {
        real.address = address;
        real.port = port;
    }
    target.is_some()
}

/// Where they go, in the order of the uplinks: a publish on exactly that address, a floating address, a
/// publish on every address of this host.
#[inline(always)]
fn target(named: &Addr, port: u16, proto: u8, cookie: u64) -> Option<(Addr, u16)> {
    let exact = PublishKey {
        address: *named,
        port,
        proto,
        pad: 0,
    };
    if let Some(publish) = maps::publish(&exact) {
        return serve(publish, named, cookie);
    }
    let external = FloatingKey {
        address: *named,
        network: 0,
    };
    if let Some(floating) = maps::floating(&external) {
        return Some((floating.address, port));
    }
    if !is_loopback(named) && maps::local(named).is_none() {
        return None;
    }
    let any = PublishKey {
        address: any_like(named),
        ..exact
    };
    serve(maps::publish(&any)?, named, cookie)
}

/// The target of a publish for a socket. The host is one client to a publish with affinity; else a socket
/// is one, so that all that it sends without a connection goes to one target.
#[inline(always)]
fn serve(publish: &Publish, named: &Addr, cookie: u64) -> Option<(Addr, u16)> {
    let client = if publish.flags.has(PublishFlags::AFFINITY) {
        0
    } else {
        mix(mix(0, cookie as u32), (cookie >> 32) as u32)
    };
    let target = balance::choose(client, publish)?;
    let same_family = is_v4(&target.address) == is_v4(named);
    same_family.then_some((target.address, target.port.wrapping_add(publish.offset)))
}

#[inline(always)]
fn socket(cookie: u64, address: &Addr, port: u16) -> SocketKey {
    SocketKey {
        cookie,
        address: *address,
        port,
        pad: [0; 6],
    }
}

/// Notes what the process named, where that is news: a socket may send a datagram after the other.
#[inline(always)]
fn remember(cookie: u64, address: &Addr, port: u16, named: &Addr, named_port: u16) {
    let key = socket(cookie, address, port);
    let peer = SocketPeer {
        address: *named,
        port: named_port,
        pad: 0,
    };
    // SAFETY: as in `receive`.
    let known = unsafe { SOCKETS.get(key) };
    if known.is_none_or(|known| *known != peer) {
        // A full table gives up its oldest entry; what fails besides costs an answer's name, no packet.
        let _ = SOCKETS.insert(key, peer, 0);
    }
}
