//! New TCP connections, one after the other: opened, accepted and reset, which is the least that one is; or with a request and
//! its answer, and closed by both ends, as HTTP/1.0 and DNS over TCP have them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use super::{Ends, Load, MOST_CONNECTIONS, Ways, Words};
use crate::bench::cpu::Cpu;
use crate::bench::path::WARM;
use crate::bench::report::Unit;
use crate::bench::session::Session;

/// The server's l4 port.
const PORT: u16 = 7000;
/// How often the client asks again: what nobody answers ends within seconds, with no more system calls
/// to each connection than it takes.
const RETRIES: &str = "/proc/sys/net/ipv4/tcp_syn_retries";
/// Whether l4 ports of connections that wait are taken again, once they have for a second.
const REUSE: &str = "/proc/sys/net/ipv4/tcp_tw_reuse";
/// Closes with a reset, so that no port waits.
const RESET: linger = linger {
    l_onoff: 1,
    l_linger: 0,
};

/// Octets of a request and of its answer: one segment each.
const REQUEST: [u8; 64] = [0; 64];
const ANSWER: [u8; 512] = [0; 512];

const RESETS: Words = Words {
    id: "connections",
    title: "new TCP connections, with the sockets of both ends",
    unit: Unit::ConnectionsPerSecond,
};
const REQUESTS: Words = Words {
    id: "requests",
    title: "new TCP connections with a request and its answer, closed by both ends, with their sockets",
    unit: Unit::ConnectionsPerSecond,
};

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    ways.compare(session, [RESETS], |ends| {
        Client::open(ways, ends, Client::connect)
    })?;
    ways.compare(session, [REQUESTS], |ends| {
        Client::open(ways, ends, Client::request)
    })
}

/// A client that connects to a server again and again.
struct Client<'lab> {
    ends: &'lab Ends<'lab>,
    server: SocketAddr,
    listener: TcpListener,
    /// What it does with each connection.
    once: fn(&Self) -> Result<()>,
}

impl<'lab> Client<'lab> {
    fn open(
        ways: &Ways<'_>,
        ends: &'lab Ends<'lab>,
        once: fn(&Self) -> Result<()>,
    ) -> Result<Self> {
        let bind = || Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?);
        ends.from.enter(|| {
            fs::write(RETRIES, "1")?;
            Ok(fs::write(REUSE, "1")?)
        })?;
        Ok(Self {
            ends,
            server: SocketAddr::from((ways.address, PORT)),
            listener: ends.to.enter(bind)?,
            once,
        })
    }

    /// Both ends on one thread: each step is done when its system call returns, for what it sends is
    /// received in its own context.
    fn connect(&self) -> Result<()> {
        let client = TcpStream::connect(self.server)?;
        setsockopt(&client, sockopt::Linger, &RESET)?;
        let (server, _) = self.listener.accept()?;
        drop(client);
        drop(server);
        Ok(())
    }

    /// The same with a request. The client closes first, and has the end that waits (RFC 9293 §3.3.2): were it the server,
    /// whose NAT has just forgotten which l4 ports it gave, SYNs would meet ends that still wait for the last ones.
    fn request(&self) -> Result<()> {
        let mut client = TcpStream::connect(self.server)?;
        let (mut server, _) = self.listener.accept()?;
        client.write_all(&REQUEST)?;
        server.read_exact(&mut REQUEST.clone())?;
        server.write_all(&ANSWER)?;
        client.read_exact(&mut ANSWER.clone())?;
        client.shutdown(Shutdown::Write)?;
        ends(&mut server)?;
        drop(server);
        ends(&mut client)
    }

    fn connect_for(&self, time: Duration) -> Result<u64> {
        let (start, mut made) = (Instant::now(), 0);
        while start.elapsed() < time && made < u64::from(MOST_CONNECTIONS) {
            (self.once)(self).with_context(|| format!("connection {made}"))?;
            made += 1;
        }
        Ok(made)
    }
}

/// Reads the end of a stream.
fn ends(stream: &mut TcpStream) -> Result<()> {
    let more = stream.read(&mut [0])?;
    ensure!(more == 0, "{more} octets behind the end");
    Ok(())
}

impl Load for Client<'_> {
    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.ends.forget()?;
        let cpu = Cpu::first()?;
        let mut made = 0;
        let connecting = || {
            made = self.connect_for(time)?;
            Ok(())
        };
        let spent = self.ends.from.enter(|| {
            self.connect_for(time / WARM)?;
            cpu.time_of(connecting)
        })?;
        Ok([made as f64 / spent.as_secs_f64()])
    }
}
