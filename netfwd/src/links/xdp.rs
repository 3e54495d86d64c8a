//! Which interfaces take frames that XDP redirects, as the kernel's netdev family tells over generic
//! netlink (include/uapi/linux/netdev.h, Linux 6.3).

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

use super::{LinkError, Tried};

/// Netlink: message types and flags, include/uapi/linux/netlink.h.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
/// The controller: its family, command and attributes, include/uapi/linux/genetlink.h.
const CONTROLLER: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// The family netdev.
const GET_DEVICE: u8 = 1;
const IFINDEX: u16 = 1;
const XDP_FEATURES: u16 = 3;
const NDO_XMIT: u64 = 4;
/// Octets of the headers of netlink and generic netlink.
const HEADERS: usize = 16 + 4;

/// The interfaces of the calling thread's namespace that take frames redirected by XDP; `None` where
/// the kernel does not tell.
pub fn targets() -> Result<Option<BTreeSet<u32>>, LinkError> {
    read().tried(|| "ask which interfaces take redirected XDP frames".into())
}

fn read() -> io::Result<Option<BTreeSet<u32>>> {
    let socket = open()?;
    let name = attribute(FAMILY_NAME, b"netdev\0");
    let mut family = None;
    let found = ask(&socket, CONTROLLER, 0, GET_FAMILY, &name, |attributes| {
        family = find(attributes, FAMILY_ID).map(u16::from_ne_bytes);
    });
    let family = match (found, family) {
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        (Err(error), _) => return Err(error),
        (Ok(()), None) => return Ok(None),
        (Ok(()), Some(family)) => family,
    };
    let mut targets = BTreeSet::new();
    ask(&socket, family, DUMP, GET_DEVICE, &[], |attributes| {
        let features = find(attributes, XDP_FEATURES).map_or(0, u64::from_ne_bytes);
        if features & NDO_XMIT != 0 {
            targets.extend(find(attributes, IFINDEX).map(u32::from_ne_bytes));
        }
    })?;
    Ok(Some(targets))
}

fn open() -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )?;
    // The kernel answers at once or never.
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(2, 0))?;
    Ok(socket)
}

/// Sends a request, and shows the attributes of each answer to `each`.
fn ask(
    socket: &OwnedFd,
    family: u16,
    flags: u16,
    command: u8,
    attributes: &[u8],
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let len = (HEADERS + attributes.len()) as u32;
    let mut request = len.to_ne_bytes().to_vec();
    request.extend(family.to_ne_bytes());
    request.extend((REQUEST | flags).to_ne_bytes());
    // Sequence number and sender are of no use on a socket with one request at a time.
    request.extend([0; 8]);
    request.extend([command, 1, 0, 0]);
    request.extend(attributes);
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let len = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..len];
        while let Some((kind, message, after)) = next(rest) {
            match kind {
                DONE => return Ok(()),
                ERROR => return error(message),
                _ => each(message.get(4..).unwrap_or_default()),
            }
            rest = after;
        }
        if flags & DUMP == 0 {
            return Ok(());
        }
    }
}

/// The type and the payload of the first message, and what is behind it.
fn next(messages: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let len = u32::from_ne_bytes(*messages.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*messages.get(4..)?.first_chunk()?);
    let payload = messages.get(16..len)?;
    let rest = messages.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, payload, rest))
}

fn error(message: &[u8]) -> io::Result<()> {
    let number = message.first_chunk().map_or(0, |n| i32::from_ne_bytes(*n));
    match number {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(-number)),
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = (4 + value.len() as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// The value of the first attribute of this kind.
fn find<const N: usize>(mut attributes: &[u8], wanted: u16) -> Option<[u8; N]> {
    loop {
        let len = usize::from(u16::from_ne_bytes(*attributes.first_chunk()?));
        let kind = u16::from_ne_bytes(*attributes.get(2..)?.first_chunk()?);
        let value = attributes.get(4..len)?;
        if kind == wanted {
            return value.first_chunk().copied();
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::ethtool::set_gro;
    use crate::sandbox::{in_new_netns, pair};

    #[test]
    fn attributes_are_found_and_bad_ones_are_not() {
        let mut attributes = attribute(7, b"abc");
        attributes.extend(attribute(IFINDEX, &9_u32.to_ne_bytes()));
        assert_eq!(find(&attributes, IFINDEX), Some(9_u32.to_ne_bytes()));
        assert_eq!(find::<4>(&attributes, 8), None);
        assert_eq!(find::<8>(&attributes, IFINDEX), None, "too short");
        assert_eq!(find::<4>(&attributes[..10], IFINDEX), None, "cut off");
    }

    #[test]
    fn a_veth_takes_frames_while_its_other_end_has_gro() {
        in_new_netns(|links| async move {
            pair(&links, "p0", "p1", 1500).await;
            let list = links.list().await.expect("links");
            let index = |name: &str| list.iter().find(|l| l.name == name).expect("it").index;
            for name in ["p0", "p1"] {
                links.set_up(index(name), true).await.expect("up");
            }
            let takes = || {
                let targets = targets().expect("asked");
                targets.map(|targets| targets.contains(&index("p0")))
            };
            let Some(before) = takes() else {
                eprintln!("this kernel does not tell");
                return;
            };
            assert!(!before);
            set_gro("p1", true).expect("GRO on");
            assert_eq!(takes(), Some(true));
            set_gro("p1", false).expect("GRO off");
            assert_eq!(takes(), Some(false));
        });
    }
}
