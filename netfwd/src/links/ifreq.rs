//! `struct ifreq`, in which ioctls name an interface.

use std::io;

use nix::libc;

/// A request about an interface, zero but for the name.
pub(super) fn named(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is plain data for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let bytes = name.as_bytes();
    if bytes.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed() as libc::c_char;
    }
    Ok(request)
}
