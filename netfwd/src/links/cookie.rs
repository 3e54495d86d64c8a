//! The network namespace, as sockets know it.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::{LinkError, Tried};

/// `SO_NETNS_COOKIE`, include/uapi/asm-generic/socket.h (Linux 5.14).
const SO_NETNS_COOKIE: libc::c_int = 71;

/// The number of the calling thread's network namespace, which no other has had since the boot.
pub fn netns() -> Result<u64, LinkError> {
    try_netns().tried(|| "ask for the number of this network namespace".into())
}

fn try_netns() -> io::Result<u64> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut cookie = 0_u64;
    let mut len = size_of_val(&cookie) as libc::socklen_t;
    // SAFETY: the socket is open, and `len` gives the size of `cookie`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut len,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(cookie)
}

#[cfg(test)]
mod tests {
    use super::netns;
    use crate::sandbox::in_new_netns;

    #[test]
    fn each_namespace_has_its_number() {
        let here = netns().expect("a number");
        assert_ne!(here, 0);
        assert_eq!(netns().expect("the same"), here);
        in_new_netns(move |_| async move {
            assert_ne!(netns().expect("another"), here);
        });
    }
}
