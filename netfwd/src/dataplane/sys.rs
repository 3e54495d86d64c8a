//! bpf(2), for the commands that aya has no call for: the one place that calls it.

use std::{io, ptr};

use nix::libc;

/// A pointer as the kernel's attributes have it.
pub(super) fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// Gives what the command returns: a file descriptor or zero.
///
/// # Safety
///
/// `attributes` must be what the kernel takes for `command`, and its pointers must be good for it.
pub(super) unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the kernel accesses `size_of::<T>()` octets of `attributes`, and what the caller vouches for.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(done as libc::c_int)
}
