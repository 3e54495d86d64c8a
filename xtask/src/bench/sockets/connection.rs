//! A TCP connection between two containers, both ends of which are this process's.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use nix::{getsockopt_impl, setsockopt_impl};

use crate::run::netns::Netns;

/// How long a probe waits for what should come.
const PATIENCE: Duration = Duration::from_millis(300);

/// Both ends.
pub struct Connection {
    /// Who connected.
    pub client: TcpStream,
    /// Who accepted.
    pub server: TcpStream,
}

/// Waits to be told of a connection until there is data.
#[derive(Clone, Copy, Debug)]
struct DeferAccept;
setsockopt_impl!(
    DeferAccept,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    libc::c_int,
    sockopt::SetStruct<libc::c_int>
);

/// The head of `struct tcp_info`, up to what was acknowledged and received, in octets.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Octets {
    _before: [u64; 15],
    /// `tcpi_bytes_acked`.
    pub acknowledged: u64,
    /// `tcpi_bytes_received`.
    pub received: u64,
}

/// What TCP counted of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Counted;
getsockopt_impl!(
    Counted,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    Octets,
    sockopt::GetStruct<Octets>
);

impl Connection {
    /// Connects a container to another one's address.
    pub fn open(client: &Netns, server: &Netns, address: &str) -> Result<Self> {
        let listener = listen(server, address)?;
        let client = connect(client, &listener)?;
        let (server, _) = listener.accept().context("a connection")?;
        ready(Self { client, server })
    }

    /// Does so with a listener that is told of a connection by its first data: `first` is written before the
    /// listener accepts.
    pub fn deferred(
        [client, server]: [&Netns; 2],
        address: &str,
        first: impl FnOnce(&TcpStream) -> Result<()>,
    ) -> Result<Self> {
        let listener = listen(server, address)?;
        setsockopt(&listener, DeferAccept, &5)?;
        let client = connect(client, &listener)?;
        first(&client)?;
        let (server, _) = listener.accept().context("a connection")?;
        ready(Self { client, server })
    }
}

/// Opens a listener in a container.
pub fn listen(netns: &Netns, address: &str) -> Result<TcpListener> {
    let listener = netns.enter(|| Ok(TcpListener::bind((address, 0))?));
    listener.with_context(|| format!("a listener in {}", netns.name()))
}

/// Connects a container to a listener.
pub fn connect(netns: &Netns, listener: &TcpListener) -> Result<TcpStream> {
    let address = listener.local_addr()?;
    let stream = netns.enter(|| Ok(TcpStream::connect(address)?));
    stream.with_context(|| format!("a connection from {}", netns.name()))
}

/// Sets both ends up alike.
fn ready(connection: Connection) -> Result<Connection> {
    for end in [&connection.client, &connection.server] {
        end.set_nodelay(true)?;
        end.set_read_timeout(Some(PATIENCE))?;
        end.set_write_timeout(Some(PATIENCE))?;
    }
    Ok(connection)
}
