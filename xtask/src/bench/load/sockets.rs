//! A UDP socket in each of two containers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Ends, Ways};

/// How long a datagram is waited for.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// How often the first one is sent: it may be lost where neighbours are asked for.
const TRIES: u32 = 3;

/// The two sockets.
pub struct Sockets {
    /// The one that sends, connected to the other.
    pub near: UdpSocket,
    /// The one that receives.
    pub far: UdpSocket,
}

impl Sockets {
    /// Opens them, the receiver's at this l4 port.
    pub fn open(ways: &Ways<'_>, ends: &Ends<'_>, port: u16) -> Result<Self> {
        let bind = |port| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?);
        let far = ends.to.enter(move || bind(port))?;
        let near = ends.from.enter(move || bind(0))?;
        near.connect((ways.address, port))?;
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(PATIENCE))?;
        }
        Ok(Self { near, far })
    }

    /// Has one datagram cross, so that neighbours are known and a session stands; what came before it
    /// is forgotten.
    pub fn meet(&self) -> Result<()> {
        self.drain()?;
        let mut buffer = [0; 64];
        for _ in 0..TRIES {
            self.near.send(&[0])?;
            match self.far.recv(&mut buffer) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::bail!("no datagram of {TRIES} arrived")
    }

    fn drain(&self) -> Result<()> {
        self.far.set_nonblocking(true)?;
        while self.far.recv(&mut [0; 64]).is_ok() {}
        self.far
            .set_nonblocking(false)
            .context("a socket that waits again")
    }
}
