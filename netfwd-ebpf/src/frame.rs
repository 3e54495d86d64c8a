//! A frame in a packet buffer: the only place with bounds checks.

use core::{
    ops::Deref,
    ptr::{read_volatile, write_volatile},
};

use aya_ebpf::{
    helpers::bpf_xdp_get_buff_len,
    programs::{TcContext, XdpContext},
};

/// Reads from a packet buffer that may end anywhere.
pub trait Frame {
    /// `N` octets at `offset`, or `None` where the frame ends before them.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// Octets of the frame.
    fn octets(&self) -> usize;
    /// The linear part: where it starts and ends.
    fn linear(&self) -> (usize, usize);
    /// The 14 octets at `offset`, as words in memory order. From the linear part they are loaded as
    /// words: put together of octets, they would wait for the store buffer when they are hashed.
    #[inline(always)]
    fn words(&self, offset: usize) -> Option<(u64, u32, u16)> {
        let (data, end) = self.linear();
        let start = data + offset;
        if start + 14 > end {
            let b: [u8; 14] = self.read(offset)?;
            let head = u64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
            let middle = u32::from_ne_bytes([b[8], b[9], b[10], b[11]]);
            return Some((head, middle, u16::from_ne_bytes([b[12], b[13]])));
        }
        // SAFETY: the 14 octets lie before `end`, which the verifier proves again; it refuses loads
        // that the machine cannot do unaligned. Volatile, or they were taken apart into octets.
        unsafe {
            Some((
                read_volatile(start as *const u64),
                read_volatile((start + 8) as *const u32),
                read_volatile((start + 12) as *const u16),
            ))
        }
    }
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

    #[inline(always)]
    fn linear(&self) -> (usize, usize) {
        (self.data(), self.data_end())
    }
}

impl Frame for XdpContext {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        direct(self.data(), self.data_end(), offset)
    }

    #[inline(always)]
    fn octets(&self) -> usize {
        // SAFETY: the context is the program's own. A frame of several buffers is longer than its first.
        unsafe { bpf_xdp_get_buff_len(self.ctx) as usize }
    }

    #[inline(always)]
    fn linear(&self) -> (usize, usize) {
        (self.data(), self.data_end())
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

/// Octets of a packet's linear part as numbers in memory order.
pub struct Octets {
    start: usize,
}

impl Octets {
    /// `None` where the linear part is shorter than so many octets.
    #[inline(always)]
    pub fn of(frame: &impl Frame, octets: usize) -> Option<Self> {
        let (start, end) = frame.linear();
        (start + octets <= end).then_some(Self { start })
    }

    /// A number of 8 bits.
    #[inline(always)]
    pub fn u8(&self, at: usize) -> u8 {
        // SAFETY: callers stay within what `of` has asked for, which the verifier proves again.
        unsafe { read_volatile((self.start + at) as *const u8) }
    }

    /// A number of 16 bits.
    #[inline(always)]
    pub fn u16(&self, at: usize) -> u16 {
        // SAFETY: as above; the verifier refuses loads that the machine cannot do unaligned.
        unsafe { read_volatile((self.start + at) as *const u16) }
    }

    /// A number of 32 bits.
    #[inline(always)]
    pub fn u32(&self, at: usize) -> u32 {
        // SAFETY: as above.
        unsafe { read_volatile((self.start + at) as *const u32) }
    }

    /// A number of 64 bits.
    #[inline(always)]
    pub fn u64(&self, at: usize) -> u64 {
        // SAFETY: as above.
        unsafe { read_volatile((self.start + at) as *const u64) }
    }
}

/// The start of an XDP frame, which may be written as well. Packets of TC are not written so: a program that does
/// gets a prologue that unclones each (net/core/filter.c, `tc_cls_act_prologue`).
pub struct Room(Octets);

impl Room {
    /// `None` where the frame's first buffer is shorter than so many octets.
    #[inline(always)]
    pub fn of(ctx: &XdpContext, octets: usize) -> Option<Self> {
        Octets::of(ctx, octets).map(Self)
    }

    /// Writes 16 bits.
    #[inline(always)]
    pub fn set_u16(&self, at: usize, value: u16) {
        // SAFETY: callers stay within what `of` has asked for, which the verifier proves again; it refuses
        // stores that the machine cannot do unaligned.
        unsafe { write_volatile((self.start + at) as *mut u16, value) };
    }

    /// Writes 32 bits.
    #[inline(always)]
    pub fn set_u32(&self, at: usize, value: u32) {
        // SAFETY: as above.
        unsafe { write_volatile((self.start + at) as *mut u32, value) };
    }
}

impl Deref for Room {
    type Target = Octets;

    #[inline(always)]
    fn deref(&self) -> &Octets {
        &self.0
    }
}
