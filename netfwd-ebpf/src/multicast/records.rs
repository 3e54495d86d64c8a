//! The records of a report: one behind the other, each as long as it says.

use core::ffi::c_void;

use super::Packet;
use crate::flood;

/// Records that are read of a report: more than fit into one of 1500 octets, 184 groups of IPv4. What is behind is
/// reported again at the next query.
const MOST: u16 = 256;

/// A report that is being read.
pub struct Report<'a> {
    /// What carries it.
    pub packet: &'a Packet<'a>,
    /// Where its next record is.
    pub offset: usize,
}

/// Has a body read a report's records until it returns other than 0. A loop of the kernel's: the verifier would go
/// through each turn of one of ours by itself.
#[inline(always)]
pub fn each(
    packet: &Packet<'_>,
    offset: usize,
    count: u16,
    body: unsafe extern "C" fn(u64, *mut c_void) -> i64,
) {
    let mut report = Report { packet, offset };
    let state = core::ptr::from_mut(&mut report).cast();
    flood::each(count.min(MOST).into(), body as *mut c_void, state);
}
