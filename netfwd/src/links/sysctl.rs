//! Settings of one interface under `/proc/sys/net`, which shows the calling thread's namespace.

use std::fs;

use super::{LinkError, Tried};
use crate::observed::Sysctl;

/// The value of a device's setting; `None` where the kernel does not have it.
pub fn read(which: Sysctl, device: &str) -> Option<String> {
    let value = fs::read_to_string(which.path(device)).ok()?;
    Some(value.trim().to_owned())
}

/// Sets a device's setting. A kernel without IPv6 needs none of its settings.
pub fn write(which: Sysctl, device: &str, value: u8) -> Result<(), LinkError> {
    if which.is_of_ipv6() && value == 1 && read(which, device).is_none() {
        return Ok(());
    }
    let path = which.path(device);
    fs::write(&path, value.to_string()).tried(|| format!("write {value} to {path}"))
}
