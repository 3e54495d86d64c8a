//! A bridge's limit on learned stations, which iproute2 6.1 has no word for.

use std::os::fd::AsRawFd;

use anyhow::{Context, Result, ensure};
use nix::{
    libc,
    sys::socket::{self, AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType},
};

use crate::netns::Namespace;

/// `IFLA_BR_FDB_MAX_LEARNED`, include/uapi/linux/if_link.h.
const MAX_LEARNED: u16 = 49;

/// Sets it by netlink.
pub fn set(host: &Namespace, bridge: &str, most: u32) -> Result<()> {
    let message = message(host.ifindex(bridge)?, most);
    let code = host.within(|| request(&message)).context("netlink")?;
    ensure!(
        code == 0,
        "the kernel refuses the limit of {bridge}: {code}"
    );
    Ok(())
}

fn message(ifindex: u32, most: u32) -> Vec<u8> {
    let data = attribute(
        libc::IFLA_INFO_DATA,
        &attribute(MAX_LEARNED, &most.to_ne_bytes()),
    );
    let kind = attribute(libc::IFLA_INFO_KIND, b"bridge\0");
    let info = attribute(libc::IFLA_LINKINFO, &[kind, data].concat());
    // struct ifinfomsg: the index after family, padding and type.
    let link = [[0; 4], ifindex.to_ne_bytes(), [0; 4], [0; 4]].concat();
    let len = (16 + link.len() + info.len()) as u32;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let header = [
        &len.to_ne_bytes()[..],
        &libc::RTM_NEWLINK.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &[0; 8],
    ]
    .concat();
    [header, link, info].concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = (4 + value.len()) as u16;
    let mut attribute = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// Sends a message; what comes back is the code of its acknowledgement.
fn request(message: &[u8]) -> nix::Result<i32> {
    let fd = socket::socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let kernel = NetlinkAddr::new(0, 0);
    socket::sendto(fd.as_raw_fd(), message, &kernel, MsgFlags::empty())?;
    let mut answer = [0; 1024];
    socket::recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let code = answer
        .first_chunk::<20>()
        .and_then(|head| head.last_chunk());
    Ok(i32::from_ne_bytes(*code.expect("a buffer of 1024 octets")))
}
