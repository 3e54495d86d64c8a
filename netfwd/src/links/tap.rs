//! Taps: interfaces whose other end is a file that a VM or a user-space VPN opens.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, RawFd},
};

use netlink_packet_route::link::InfoTun;
use nix::libc;
use rtnetlink::packet_core::Nla as _;

use crate::config::TapKind;

use super::{LinkError, Links, Tried, ifreq};

/// Gives out taps of the network namespace of whoever opens it.
const DEVICE: &str = "/dev/net/tun";

mod ioctl {
    use nix::libc::{c_int, ifreq};
    use nix::{ioctl_write_int_bad, ioctl_write_ptr_bad, request_code_write};

    // TUNSETIFF, TUNSETPERSIST and TUNSETOWNER, include/uapi/linux/if_tun.h.
    ioctl_write_ptr_bad!(
        set_interface,
        request_code_write!(b'T', 202, size_of::<c_int>()),
        ifreq
    );
    ioctl_write_int_bad!(
        set_persistent,
        request_code_write!(b'T', 203, size_of::<c_int>())
    );
    ioctl_write_int_bad!(
        set_owner,
        request_code_write!(b'T', 204, size_of::<c_int>())
    );
}

impl Links {
    /// Makes a tap that stays when nobody has it open, down, marks it with the instance's alias, and
    /// returns its number. `owner` may open it without being root. It fails where the name is taken.
    pub async fn create_tap(
        &self,
        name: &str,
        multi_queue: bool,
        vnet_header: bool,
        owner: Option<u32>,
    ) -> Result<u32, LinkError> {
        let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_TUN_EXCL;
        flags |= if multi_queue {
            libc::IFF_MULTI_QUEUE
        } else {
            0
        };
        flags |= if vnet_header { libc::IFF_VNET_HDR } else { 0 };
        let what = || format!("make tap {name}");
        let file = make(name, flags).tried(what)?;
        // Until it is marked it goes with its file, whatever ends this process.
        let index = self.mark(name).await?;
        persist(file.as_raw_fd(), owner).tried(what)?;
        Ok(index)
    }
}

fn make(name: &str, flags: libc::c_int) -> io::Result<File> {
    let file = File::options().read(true).write(true).open(DEVICE)?;
    let tap = file.as_raw_fd();
    let mut request = ifreq::named(name)?;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: `request` is a live `ifreq` with a terminated name and flags, which the kernel reads.
    unsafe { ioctl::set_interface(tap, &raw const request) }?;
    Ok(file)
}

/// Nothing that is opened here stays open: persistence is what keeps the interface.
fn persist(tap: RawFd, owner: Option<u32>) -> io::Result<()> {
    if let Some(owner) = owner {
        // SAFETY: the request takes a number, no pointer.
        unsafe { ioctl::set_owner(tap, owner.cast_signed()) }?;
    }
    // SAFETY: the request takes a number, no pointer.
    unsafe { ioctl::set_persistent(tap, 1) }?;
    Ok(())
}

/// Attributes of a tun device and its type, include/uapi/linux/if_link.h and if_tun.h.
const IFLA_TUN_OWNER: u16 = 1;
const IFLA_TUN_TYPE: u16 = 3;
const IFLA_TUN_VNET_HDR: u16 = 5;
const IFLA_TUN_MULTI_QUEUE: u16 = 7;

/// How a tap was made; `None` for a tun, whose packets have no Ethernet header.
pub(super) fn kind(infos: &[InfoTun]) -> Option<TapKind> {
    let is_on = |kind| value(infos, kind).is_some_and(|value| value != [0]);
    let owner = value(infos, IFLA_TUN_OWNER).and_then(|value| value.try_into().ok());
    let is_tap = value(infos, IFLA_TUN_TYPE)? == [libc::IFF_TAP as u8];
    is_tap.then(|| TapKind {
        multi_queue: is_on(IFLA_TUN_MULTI_QUEUE),
        vnet_header: is_on(IFLA_TUN_VNET_HDR),
        owner: owner.map(u32::from_ne_bytes),
    })
}

fn value(infos: &[InfoTun], kind: u16) -> Option<Vec<u8>> {
    let info = infos.iter().find(|info| info.kind() == kind)?;
    let mut value = vec![0; info.value_len()];
    info.emit_value(&mut value);
    Some(value)
}
