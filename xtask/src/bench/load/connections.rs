//! New TCP connections, one after the other: opened, accepted, and reset.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use super::{Ends, Load, Ways, Words};
use crate::bench::cpu::Cpu;
use crate::bench::path::WARM;
use crate::bench::report::Unit;
use crate::bench::session::Session;
use crate::run::process;

/// The server's l4 port.
const PORT: u16 = 7000;
/// The most connections of a round: fewer than there are l4 ports to translate to.
const MOST: u64 = 16_000;
/// How often the client asks again: what nobody answers ends within seconds, with no more system calls
/// to each connection than it takes.
const RETRIES: &str = "/proc/sys/net/ipv4/tcp_syn_retries";
/// How long a table may take to be emptied.
const LIMIT: Duration = Duration::from_secs(10);
/// Closes with a reset, so that no port waits.
const RESET: linger = linger {
    l_onoff: 1,
    l_linger: 0,
};

const WORDS: Words = Words {
    id: "connections",
    title: "new TCP connections, with the sockets of both ends",
    unit: Unit::ConnectionsPerSecond,
};

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    ways.compare(session, [WORDS], |ends| Client::open(ways, ends))
}

/// A client that connects to a server again and again.
struct Client<'lab> {
    ends: &'lab Ends<'lab>,
    server: SocketAddr,
    listener: TcpListener,
}

impl<'lab> Client<'lab> {
    fn open(ways: &Ways<'_>, ends: &'lab Ends<'lab>) -> Result<Self> {
        let bind = || Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?);
        ends.from.enter(|| Ok(fs::write(RETRIES, "1")?))?;
        Ok(Self {
            ends,
            server: SocketAddr::from((ways.address, PORT)),
            listener: ends.to.enter(bind)?,
        })
    }

    /// A round is to open sessions, and not to find them again.
    fn forget(&self) -> Result<()> {
        let Some((host, command)) = &self.ends.forget else {
            return Ok(());
        };
        process::run(host.command(&command[0]).args(&command[1..]), LIMIT)?;
        Ok(())
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

    fn connect_for(&self, time: Duration) -> Result<u64> {
        let (start, mut made) = (Instant::now(), 0);
        while start.elapsed() < time && made < MOST {
            self.connect()
                .with_context(|| format!("connection {made}"))?;
            made += 1;
        }
        Ok(made)
    }
}

impl Load for Client<'_> {
    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.forget()?;
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
