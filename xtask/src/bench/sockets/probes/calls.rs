//! System calls on a socket: what each says about what has come.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::fcntl::{SpliceFFlags, splice};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::setsockopt_impl;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{MsgFlags, getsockopt, recv, recvmsg, send, setsockopt, sockopt};
use nix::unistd::pipe;

use super::super::connection::{Connection, Counted};
use super::super::place::Place;
use super::super::programs::Shortcut;
use super::{LENGTH, Probe, of_all, outcome, transfer};

/// How long something may take to come that has nothing to wait for.
const A_WHILE: Duration = Duration::from_millis(50);
/// The same for `poll`, in milliseconds.
const POLL: u16 = 200;

/// The probes.
pub const PROBES: &[Probe] = &[
    Probe {
        what: "3 octets sent with MSG_OOB: recv(MSG_OOB), then recv",
        look: urgent,
    },
    Probe {
        what: "recv(MSG_PEEK) twice, then recv",
        look: peeked,
    },
    Probe {
        what: "recv(MSG_WAITALL) of 2000 octets that come as 1000 and 1000",
        look: waited_for,
    },
    Probe {
        what: "poll with SO_RCVLOWAT 1000 and 10 octets there",
        look: low_water,
    },
    Probe {
        what: "ioctl(FIONREAD) with 10 octets there",
        look: available,
    },
    Probe {
        what: "splice from the socket with 10 octets there",
        look: spliced,
    },
    Probe {
        what: "sendfile of 1 MiB",
        look: sent_from_a_file,
    },
    Probe {
        what: "the completion of a send(MSG_ZEROCOPY)",
        look: zero_copy,
    },
    Probe {
        what: "TCP_INFO after 1 MiB: octets acknowledged, octets received",
        look: counted,
    },
];

/// The least that is worth waking a reader for.
#[derive(Clone, Copy, Debug)]
struct LowWater;
setsockopt_impl!(
    LowWater,
    libc::SOL_SOCKET,
    libc::SO_RCVLOWAT,
    libc::c_int,
    sockopt::SetStruct<libc::c_int>
);

/// Allows writes that lend their memory.
#[derive(Clone, Copy, Debug)]
struct ZeroCopy;
setsockopt_impl!(
    ZeroCopy,
    libc::SOL_SOCKET,
    libc::SO_ZEROCOPY,
    libc::c_int,
    sockopt::SetStruct<libc::c_int>
);

/// A connection on which ten octets wait to be read.
fn with_ten_octets(place: &Place<'_>) -> Result<Connection> {
    let connection = place.connect()?;
    (&connection.client).write_all(&[7; 10])?;
    thread::sleep(A_WHILE);
    Ok(connection)
}

fn urgent(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    send(connection.client.as_raw_fd(), b"abc", MsgFlags::MSG_OOB)?;
    thread::sleep(A_WHILE);
    let server = connection.server.as_raw_fd();
    let flags = [MsgFlags::MSG_OOB, MsgFlags::empty()];
    let received = flags.map(|flags| outcome(recv(server, &mut [0; 10], flags)));
    Ok(received.join(", "))
}

fn peeked(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = with_ten_octets(place)?;
    let flags = [MsgFlags::MSG_PEEK, MsgFlags::MSG_PEEK, MsgFlags::empty()];
    let server = connection.server.as_raw_fd();
    let seen = flags.map(|flags| outcome(recv(server, &mut [0; 100], flags)));
    Ok(seen.join(", "))
}

fn waited_for(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    let (mut client, server) = (&connection.client, connection.server.as_raw_fd());
    let mut octets = [0; 2000];
    thread::scope(|scope| {
        let reader = scope.spawn(|| recv(server, &mut octets, MsgFlags::MSG_WAITALL));
        for _ in 0..2 {
            thread::sleep(A_WHILE);
            client.write_all(&[7; 1000])?;
        }
        let read = reader.join().ok().context("the reader panicked")?;
        Ok(outcome(read))
    })
}

fn low_water(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    setsockopt(&connection.server, LowWater, &1000)?;
    (&connection.client).write_all(&[7; 10])?;
    readable(&connection.server)
}

fn readable(end: &TcpStream) -> Result<String> {
    let mut polled = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut polled, PollTimeout::from(POLL))? > 0;
    Ok(if ready { "readable" } else { "not readable" }.to_owned())
}

nix::ioctl_read_bad!(fionread, libc::FIONREAD, libc::c_int);

fn available(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = with_ten_octets(place)?;
    let mut octets = -1;
    // SAFETY: the call writes one integer, which lives longer than it.
    unsafe { fionread(connection.server.as_raw_fd(), &raw mut octets) }?;
    Ok(format!("{octets} octets"))
}

fn spliced(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = with_ten_octets(place)?;
    let (_reader, writer) = pipe()?;
    let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
    let moved = splice(&connection.server, None, &writer, None, 100, flags);
    Ok(outcome(moved))
}

fn sent_from_a_file(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    let content: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    let mut file = File::from(memfd_create(c"probe", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&content)?;
    let (client, mut server) = (&connection.client, &connection.server);
    let mut received = vec![0; LENGTH];
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.read_exact(&mut received));
        let (mut at, mut sent) = (0, 0);
        while sent < LENGTH {
            sent += sendfile(client, &file, Some(&mut at), LENGTH - sent)?;
        }
        Ok::<_, anyhow::Error>(reader.join().ok().context("the reader panicked")??)
    })?;
    let same = received == content;
    Ok(if same {
        "every octet"
    } else {
        "something else"
    }
    .to_owned())
}

fn zero_copy(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    const LENT: MsgFlags = MsgFlags::from_bits_retain(libc::MSG_ZEROCOPY);
    const LENT_OCTETS: usize = 64 << 10;
    let connection = place.connect()?;
    let client = connection.client.as_raw_fd();
    setsockopt(&connection.client, ZeroCopy, &1)?;
    send(client, &vec![7; LENT_OCTETS], LENT)?;
    (&connection.server).read_exact(&mut vec![0; LENT_OCTETS])?;
    thread::sleep(A_WHILE);
    let mut space = nix::cmsg_space!([u8; 128]);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let told = recvmsg::<()>(client, &mut [], Some(&mut space), flags).map(drop);
    Ok(told.map_or_else(|error| format!("{error:?}"), |()| "told".to_owned()))
}

fn counted(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    transfer(&connection)?;
    thread::sleep(A_WHILE);
    let sent = getsockopt(&connection.client, Counted)?.acknowledged;
    let received = getsockopt(&connection.server, Counted)?.received;
    Ok(format!("{} and {}", of_all(sent), of_all(received)))
}
