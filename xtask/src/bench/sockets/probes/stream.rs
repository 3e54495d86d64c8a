//! The stream itself: its order, its end, and who waits for whom.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread;

use anyhow::{Context as _, Result};
use nix::libc::linger;
use nix::sys::socket::{MsgFlags, send, setsockopt, sockopt};

use super::super::place::Place;
use super::super::programs::Shortcut;
use super::{Probe, outcome};

/// What is written at a time.
const BLOCK: usize = 64 << 10;
/// How many blocks go each way.
const BLOCKS: usize = 1024;
/// The most that is given to a reader that does not read.
const MOST: usize = 256 << 20;

/// The probes.
pub const PROBES: &[Probe] = &[
    Probe {
        what: "64 MiB each way at once, every octet compared",
        look: both_ways,
    },
    Probe {
        what: "\"one\", then \"two\", to a listener that defers accept (TCP_DEFER_ACCEPT)",
        look: deferred,
    },
    Probe {
        what: "1 MiB, then shutdown(SHUT_WR) at once; then an answer the other way",
        look: half_closed,
    },
    Probe {
        what: "a write after one's own shutdown(SHUT_WR)",
        look: after_the_end,
    },
    Probe {
        what: "10 octets, then a reset (SO_LINGER 0), read afterwards",
        look: reset,
    },
    Probe {
        what: "the peer closes with 10 octets unread: what the writer reads",
        look: unread,
    },
    Probe {
        what: "a peer that never reads: what it is given before the writer must wait",
        look: unwanted,
    },
];

fn both_ways(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    let ends = [&connection.client, &connection.server];
    thread::scope(|scope| {
        let readers = ends.map(|end| scope.spawn(|| compare(end)));
        let writers = ends.map(|end| scope.spawn(|| count_up(end)));
        for writer in writers {
            writer.join().ok().context("a writer panicked")??;
        }
        let [one, other] = readers.map(|reader| reader.join().ok().context("a reader panicked"));
        Ok(format!("{}; {}", one?, other?))
    })
}

/// A block of a stream in which every word is another.
fn block(number: usize) -> Vec<u8> {
    let first = (number * BLOCK / 4) as u32;
    let words = (first..).take(BLOCK / 4);
    words.flat_map(u32::to_ne_bytes).collect()
}

fn count_up(mut end: &TcpStream) -> Result<()> {
    for number in 0..BLOCKS {
        end.write_all(&block(number)).context("a block")?;
    }
    Ok(end.shutdown(Shutdown::Write)?)
}

fn compare(mut end: &TcpStream) -> String {
    let mut octets = vec![0; BLOCK];
    for number in 0..BLOCKS {
        if let Err(error) = end.read_exact(&mut octets) {
            return format!("{:?} in block {number}", error.kind());
        }
        if octets != block(number) {
            return format!("block {number} is another");
        }
    }
    "all in order".to_owned()
}

/// All that a stream says until it ends or says nothing.
fn heard(mut end: &TcpStream) -> (Vec<u8>, String) {
    let mut octets = Vec::new();
    let ended = match end.read_to_end(&mut octets) {
        Ok(_) => "the end".to_owned(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => "silence".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    };
    (octets, ended)
}

fn deferred(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect_deferred(|mut client| {
        client.write_all(b"one ")?;
        Ok(client.write_all(b"two ")?)
    })?;
    let (octets, ended) = heard(&connection.server);
    let words = String::from_utf8_lossy(&octets);
    Ok(format!("\"{}\", then {ended}", words.trim()))
}

fn half_closed(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    let (mut client, mut server) = (&connection.client, &connection.server);
    let (octets, ended) = thread::scope(|scope| {
        let reader = scope.spawn(|| heard(server));
        client.write_all(&vec![7; 1 << 20])?;
        client.shutdown(Shutdown::Write)?;
        reader.join().ok().context("the reader panicked")
    })?;
    server.write_all(b"answer")?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer)?;
    let (count, answer) = (octets.len(), String::from_utf8_lossy(&answer));
    Ok(format!("{count} octets, then {ended}; \"{answer}\""))
}

fn after_the_end(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    connection.client.shutdown(Shutdown::Write)?;
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let sent = send(connection.client.as_raw_fd(), b"too late", flags);
    Ok(outcome(sent))
}

fn reset(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    (&connection.client).write_all(&[7; 10])?;
    let at_once = linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&connection.client, sockopt::Linger, &at_once)?;
    drop(connection.client);
    let (octets, ended) = heard(&connection.server);
    Ok(format!("{} octets, then {ended}", octets.len()))
}

fn unread(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    (&connection.client).write_all(&[7; 10])?;
    drop(connection.server);
    let (_, ended) = heard(&connection.client);
    Ok(ended)
}

fn unwanted(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    connection.client.set_nonblocking(true)?;
    let (octets, mut given) = (vec![7; BLOCK], 0);
    while given < MOST {
        match (&connection.client).write(&octets) {
            Ok(written) => given += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(at_most(given)),
            Err(error) => return Ok(format!("{} MiB, then {:?}", given >> 20, error.kind())),
        }
    }
    Ok(format!("all of {} MiB", MOST >> 20))
}

/// In coarse words: buffers grow differently each time.
fn at_most(given: usize) -> String {
    let most = (given >> 20).next_power_of_two().max(16);
    format!("less than {most} MiB")
}
