//! A TCP transfer of an exact number of octets, each checked.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{fill, holds};
use crate::netns::Namespace;

const BUFFER: usize = 1 << 18;
/// Longer than TCP needs to find its way out of any stall that is not for ever.
const STALL: Duration = Duration::from_secs(20);

/// A transfer that arrived whole.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Octets.
    pub bytes: u64,
    /// From the connection to the last octet's arrival.
    pub elapsed: Duration,
    /// The client's address as the server saw it.
    pub client: SocketAddr,
}

impl Transfer {
    /// Bits a second, for people; never asserted.
    pub fn rate(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.elapsed.as_secs_f64()
    }
}

/// Sends `bytes` octets from a client to a server that listens at `address`, and checks every one.
pub fn tcp_bulk(
    server: &Namespace,
    address: impl Into<IpAddr>,
    client: &Namespace,
    bytes: u64,
) -> Result<Transfer> {
    let address = address.into();
    let listener = server.within(|| TcpListener::bind((address, 0)))?;
    let target = listener.local_addr()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| receive(&listener, bytes));
        let sent = client.within(|| send(target, bytes));
        if sent.is_err() {
            // The server may still wait for a connection that will not come.
            let _ = server.within(|| TcpStream::connect(target));
        }
        let received = receiving.join().expect("the server does not panic");
        sent.context("the client")?;
        received.context("the server")
    })
}

fn send(target: SocketAddr, bytes: u64) -> Result<()> {
    write(TcpStream::connect_timeout(&target, STALL)?, bytes)
}

fn write(mut stream: TcpStream, bytes: u64) -> Result<()> {
    stream.set_write_timeout(Some(STALL))?;
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    while offset < bytes {
        let len = BUFFER.min((bytes - offset) as usize);
        fill(&mut buffer[..len], offset);
        stream
            .write_all(&buffer[..len])
            .with_context(|| format!("at octet {offset}"))?;
        offset += len as u64;
    }
    Ok(())
}

fn receive(listener: &TcpListener, bytes: u64) -> Result<Transfer> {
    let (stream, client) = listener.accept()?;
    let elapsed = read(stream, bytes)?;
    Ok(Transfer {
        bytes,
        elapsed,
        client,
    })
}

/// Reads to the end, and checks every octet.
fn read(mut stream: TcpStream, bytes: u64) -> Result<Duration> {
    stream.set_read_timeout(Some(STALL))?;
    let start = Instant::now();
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    loop {
        let len = stream
            .read(&mut buffer)
            .with_context(|| format!("at octet {offset}"))?;
        if len == 0 {
            break;
        }
        ensure!(
            holds(&buffer[..len], offset),
            "what came at octet {offset} was not sent"
        );
        offset += len as u64;
    }
    ensure!(offset == bytes, "{offset} of {bytes} octets came");
    Ok(start.elapsed())
}

/// A client connects to `target`, and who listens sends it `bytes` octets, every one of which is checked.
pub fn download(
    listener: &TcpListener,
    client: &Namespace,
    target: SocketAddr,
    bytes: u64,
) -> Result<()> {
    thread::scope(|scope| {
        let stream = client
            .within(|| TcpStream::connect_timeout(&target, STALL))
            .with_context(|| format!("a connection to {target}"))?;
        let (server, _) = listener.accept()?;
        let sending = scope.spawn(|| write(server, bytes));
        let received = read(stream, bytes).context("the client");
        let sent = sending.join().expect("the server does not panic");
        received?;
        sent.context("the server")
    })
}
