//! A frame in a packet buffer: the only place with bounds checks.

use aya_ebpf::programs::{TcContext, XdpContext};

/// Reads from a packet buffer that may end anywhere.
pub trait Frame {
    /// `N` octets at `offset`, or `None` where the frame ends before them.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// Octets of the frame.
    fn octets(&self) -> usize;
}

impl Frame for TcContext {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if let Some(bytes) = direct(self.data(), self.data_end(), offset) {
            return Some(bytes);
        }
        // What is not in the linear part the helper still reaches.
        self.load(offset).ok()
    }

    #[inline(always)]
    fn octets(&self) -> usize {
        self.len() as usize
    }
}

impl Frame for XdpContext {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        direct(self.data(), self.data_end(), offset)
    }

    #[inline(always)]
    fn octets(&self) -> usize {
        self.data_end() - self.data()
    }
}

#[inline(always)]
fn direct<const N: usize>(data: usize, end: usize, offset: usize) -> Option<[u8; N]> {
    let start = data + offset;
    if start + N > end {
        return None;
    }
    // SAFETY: the `N` octets from `start` lie before `end`, which the verifier proves again; `u8`
    // needs no alignment.
    Some(unsafe { *(start as *const [u8; N]) })
}
