//! What a pinned link attaches, and to which interface.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use nix::libc;

use super::sys::{address, bpf};

/// Commands of bpf(2), include/uapi/linux/bpf.h.
const OBJ_GET: libc::c_int = 7;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// A link that is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Linked {
    /// The kernel's id of its program.
    pub(super) program: u32,
    /// The interface, whatever its name is by now, and even if it is in another network namespace; 0 when
    /// it is gone.
    pub(super) ifindex: u32,
}

/// `OBJ_GET` of `union bpf_attr`.
#[repr(C)]
struct Get {
    path: u64,
    fd: u32,
    flags: u32,
}

/// `OBJ_GET_INFO_BY_FD` of `union bpf_attr`.
#[repr(C)]
struct Ask {
    fd: u32,
    len: u32,
    info: u64,
}

/// `struct bpf_link_info`, as far as TCX and XDP links have it: both begin their part with the ifindex.
#[repr(C)]
#[derive(Default)]
struct Info {
    kind: u32,
    id: u32,
    program: u32,
    pad: u32,
    ifindex: u32,
    attach_type: u32,
}

/// The link that is pinned there; `None` where there is none.
pub(super) fn linked(pin: &Path) -> Option<Linked> {
    let path = CString::new(pin.as_os_str().as_bytes()).ok()?;
    let mut get = Get {
        path: address(path.as_ptr()),
        fd: 0,
        flags: 0,
    };
    // SAFETY: `get` is what the command takes, with a terminated path that outlives the call, and what it
    // gives is a descriptor of nobody else's.
    let link = unsafe { OwnedFd::from_raw_fd(bpf(OBJ_GET, &mut get).ok()?) };
    let mut info = Info::default();
    let mut ask = Ask {
        fd: link.as_raw_fd().cast_unsigned(),
        len: size_of::<Info>() as u32,
        info: address(ptr::from_mut(&mut info)),
    };
    // SAFETY: `ask` is what the command takes, and the kernel writes no more than `len` octets of `info`.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut ask) }.ok()?;
    Some(Linked {
        program: info.program,
        ifindex: info.ifindex,
    })
}
