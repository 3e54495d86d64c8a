//! What ethtool is needed for: a driver's name, GRO, and who takes tags off.

use std::{
    io,
    os::fd::{AsRawFd, RawFd},
    ptr,
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::{LinkError, Tried, ifreq};

/// include/uapi/linux/ethtool.h.
const GET_DRIVER_INFO: u32 = 0x0000_0003;
const GET_FLAGS: u32 = 0x0000_0025;
const GET_GRO: u32 = 0x0000_002b;
const SET_GRO: u32 = 0x0000_002c;

/// `ETH_FLAG_RXVLAN`.
const FLAG_RXVLAN: u32 = 1 << 8;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_drvinfo`; only the driver's name is read.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    rest: [u8; 160],
}

mod ioctl {
    // SIOCETHTOOL, include/uapi/linux/sockios.h.
    nix::ioctl_readwrite_bad!(ethtool, 0x8946, nix::libc::ifreq);
}

/// The name of an interface's driver: `veth`, `virtio_net`, `tun` …
pub fn driver(device: &str) -> Result<String, LinkError> {
    let mut info = DriverInfo {
        command: GET_DRIVER_INFO,
        driver: [0; 32],
        rest: [0; 160],
    };
    call(device, &mut info).tried(|| format!("ask for the driver of interface {device}"))?;
    let name: Vec<u8> = info.driver.into_iter().take_while(|&c| c != 0).collect();
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// Whether generic receive offload is on.
pub fn gro(device: &str) -> Result<bool, LinkError> {
    let asked = get(device, GET_GRO).tried(|| format!("ask for GRO of interface {device}"))?;
    Ok(asked != 0)
}

/// Whether the interface itself takes 802.1Q tags off the frames that it receives.
pub fn strips_tags(device: &str) -> Result<bool, LinkError> {
    let asked = get(device, GET_FLAGS);
    let flags = asked.tried(|| format!("ask for offloads of interface {device}"))?;
    Ok(flags & FLAG_RXVLAN != 0)
}

fn get(device: &str, command: u32) -> io::Result<u32> {
    let mut value = Value { command, data: 0 };
    call(device, &mut value)?;
    Ok(value.data)
}

/// Switches generic receive offload.
pub fn set_gro(device: &str, on: bool) -> Result<(), LinkError> {
    let mut value = Value {
        command: SET_GRO,
        data: u32::from(on),
    };
    call(device, &mut value).tried(|| format!("switch GRO of interface {device}"))
}

pub(super) fn call<T>(device: &str, command: &mut T) -> io::Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    ethtool(socket.as_raw_fd(), device, command)
}

fn ethtool<T>(socket: RawFd, device: &str, command: &mut T) -> io::Result<()> {
    let mut request = ifreq::named(device)?;
    request.ifr_ifru.ifru_data = ptr::from_mut(command).cast();
    // SAFETY: `ifr_data` points to a live `repr(C)` command that begins with its number and is as
    // large as the kernel's structure for that number.
    unsafe { ioctl::ethtool(socket, &raw mut request) }?;
    Ok(())
}
