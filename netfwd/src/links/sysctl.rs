//! Switches of one interface under `/proc/sys/net`, which show the calling thread's namespace.

use std::{fs, path::PathBuf};

use super::{LinkError, Tried};

/// IP version of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `net.ipv4`.
    V4,
    /// `net.ipv6`.
    V6,
}

/// Reads `net.FAMILY.conf.DEVICE.NAME`; `None` where the kernel does not have it.
pub fn read(family: Family, device: &str, name: &str) -> Option<String> {
    let value = fs::read_to_string(path(family, device, name)).ok()?;
    Some(value.trim().to_owned())
}

/// Writes `net.FAMILY.conf.DEVICE.NAME`, where it does not have that value already.
pub fn write(family: Family, device: &str, name: &str, value: &str) -> Result<(), LinkError> {
    if read(family, device, name).as_deref() == Some(value) {
        return Ok(());
    }
    fs::write(path(family, device, name), value)
        .tried(|| format!("set {name} of interface {device} to {value}"))
}

/// Switches IPv6 off on a device; a kernel without IPv6 has it off.
pub fn disable_ipv6(device: &str) -> Result<(), LinkError> {
    if read(Family::V6, device, "disable_ipv6").is_none() {
        return Ok(());
    }
    write(Family::V6, device, "disable_ipv6", "1")
}

fn path(family: Family, device: &str, name: &str) -> PathBuf {
    let family = match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    };
    // The file system takes the name as it stands: no dots are turned into slashes as sysctl does.
    ["/proc/sys/net", family, "conf", device, name]
        .iter()
        .collect()
}
