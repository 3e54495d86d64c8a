//! What hosts say of groups that they leave, heard on the gateway device as a router would.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netfwd_common::multicast::{Change, change, igmp, mld};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::links::{Link, LinkError, Tried};

/// IPPROTO_IGMP, include/uapi/linux/in.h.
const IGMP: i32 = 2;
/// Messages that are read at a time.
const MESSAGES: usize = 256;

/// Hears the reports and leaves that come to one device.
#[derive(Debug)]
pub(super) struct Ear {
    igmp: Socket,
    mld: Option<Socket>,
}

impl Ear {
    /// Listens on a device of the calling thread's namespace; without IPv6 there is no MLD.
    pub(super) fn open(link: &Link) -> Result<Self, LinkError> {
        let what = || format!("listen for multicast reports on {}", link.name);
        Ok(Self {
            igmp: igmp_socket(link).tried(what)?,
            mld: mld_socket(link).ok(),
        })
    }

    /// The groups that somebody left since the last call.
    pub(super) fn left(&self) -> BTreeSet<IpAddr> {
        let mut left = BTreeSet::new();
        hear(&self.igmp, |packet| {
            let header = packet
                .first()
                .map_or(0, |first| usize::from(first & 0x0f) * 4);
            let message = packet.get(header..).unwrap_or_default();
            left.extend(left_v4(message).into_iter().map(IpAddr::V4));
        });
        if let Some(mld) = &self.mld {
            hear(mld, |message| {
                left.extend(left_v6(message).into_iter().map(IpAddr::V6));
            });
        }
        left
    }
}

/// Leaves go to 224.0.0.2 (RFC 2236 §3), reports of version 3 to 224.0.0.22 (RFC 3376 §4.2.14).
fn igmp_socket(link: &Link) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(IGMP)))?;
    let device = InterfaceIndexOrAddress::Index(link.index);
    for last in [2, 22] {
        socket.join_multicast_v4_n(&Ipv4Addr::new(224, 0, 0, last), &device)?;
    }
    on(link, socket)
}

/// Done messages go to ff02::2 (RFC 2710 §5), reports of version 2 to ff02::16 (RFC 3810 §5.2.14).
fn mld_socket(link: &Link) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    for last in [2, 0x16] {
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last);
        socket.join_multicast_v6(&group, link.index)?;
    }
    on(link, socket)
}

fn on(link: &Link, socket: Socket) -> io::Result<Socket> {
    socket.bind_device(Some(link.name.as_bytes()))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn hear(mut socket: &Socket, mut each: impl FnMut(&[u8])) {
    let mut buffer = [0; 2048];
    for _ in 0..MESSAGES {
        match socket.read(&mut buffer) {
            Ok(len) => each(&buffer[..len]),
            // Nothing more; or the device is gone, which is noticed elsewhere.
            Err(_) => return,
        }
    }
}

/// Groups that an IGMP message leaves.
fn left_v4(message: &[u8]) -> Vec<Ipv4Addr> {
    match message {
        [igmp::LEAVE, _, _, _, a, b, c, d, ..] => vec![Ipv4Addr::new(*a, *b, *c, *d)],
        [igmp::REPORT_V3, _, _, _, _, _, _, _, records @ ..] => left_records(records),
        _ => Vec::new(),
    }
}

/// Groups that an MLD message leaves.
fn left_v6(message: &[u8]) -> Vec<Ipv6Addr> {
    match message {
        [mld::DONE, rest @ ..] => {
            let group = rest.get(7..23).and_then(|group| group.try_into().ok());
            group
                .map(|group: [u8; 16]| group.into())
                .into_iter()
                .collect()
        }
        [mld::REPORT_V2, _, _, _, _, _, _, _, records @ ..] => left_records(records),
        _ => Vec::new(),
    }
}

/// Group records (RFC 3376 §4.2.4, RFC 3810 §5.2.5), whose addresses have `N` octets.
fn left_records<const N: usize, A: From<[u8; N]>>(mut records: &[u8]) -> Vec<A> {
    let mut left = Vec::new();
    while let [kind, auxiliary, high, low, rest @ ..] = records
        && let Some((group, rest)) = rest.split_first_chunk::<N>()
    {
        let sources = u16::from_be_bytes([*high, *low]);
        if change(*kind, sources) == Change::Leaves {
            left.push(A::from(*group));
        }
        let behind = usize::from(sources) * N + usize::from(*auxiliary) * 4;
        records = rest.get(behind..).unwrap_or_default();
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_told_from_joins() {
        let group = Ipv4Addr::new(239, 1, 2, 3);
        assert_eq!(left_v4(&[0x17, 0, 0, 0, 239, 1, 2, 3]), [group]);
        assert!(left_v4(&[0x16, 0, 0, 0, 239, 1, 2, 3]).is_empty());
        let mut report = vec![0x22, 0, 0, 0, 0, 0, 0, 2];
        // To exclude nothing, with one auxiliary word: a join; to include nothing: a leave.
        report.extend([4, 1, 0, 0, 239, 9, 9, 9, 1, 2, 3, 4]);
        report.extend([3, 0, 0, 0, 239, 1, 2, 3]);
        assert_eq!(left_v4(&report), [group]);
        assert!(left_v4(&report[..12]).is_empty(), "cut off");
    }

    #[test]
    fn so_they_are_in_ipv6() {
        let group: Ipv6Addr = "ff05::1:3".parse().expect("an address");
        let mut done = vec![132, 0, 0, 0, 0, 0, 0, 0];
        done.extend(group.octets());
        assert_eq!(left_v6(&done), [group]);
        let mut report = vec![143, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0];
        report.extend(group.octets());
        assert_eq!(left_v6(&report), [group]);
        assert!(left_v6(&report[..20]).is_empty(), "cut off");
    }
}
