//! Messages that one system call sends.

use std::marker::PhantomData;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc;

/// The most messages that one system call hands over.
const BATCH: usize = 64;
/// The most that is sent at one time, however long that may take.
const MOST: usize = 20_000_000;

/// Messages as `sendmmsg` takes them, made once: what is done per message in user space would be
/// measured with the path.
pub struct Batches<'messages> {
    /// Whole batches, so that every message comes as often as any other, or nearly so.
    headers: Vec<libc::mmsghdr>,
    /// Messages of a batch.
    size: usize,
    /// The batch that is next.
    next: usize,
    _vectors: Vec<libc::iovec>,
    _messages: PhantomData<&'messages [u8]>,
}

// SAFETY: the pointers are to the vectors, which move with it, and to messages that it has borrowed and nobody changes.
unsafe impl Send for Batches<'_> {}

impl<'messages> Batches<'messages> {
    /// All of these.
    pub fn new(messages: &'messages [Vec<u8>]) -> Self {
        let size = BATCH.min(messages.len()).max(1);
        let mut vectors: Vec<_> = messages
            .iter()
            .cycle()
            .take(messages.len().next_multiple_of(size))
            .map(|message| vector(message))
            .collect();
        let headers = vectors.iter_mut().map(header).collect();
        Self {
            headers,
            size,
            next: 0,
            _vectors: vectors,
            _messages: PhantomData,
        }
    }

    /// Sends each of them once, but for a few that come again in the last batch.
    pub fn send_once(&mut self, socket: &impl AsRawFd) -> Result<()> {
        let batches = self.headers.len() / self.size;
        (0..batches).try_for_each(|_| self.send(socket.as_raw_fd()).map(drop))
    }

    /// Goes on sending each of them once, for a while at most. The last batch is left out: behind it they would begin anew.
    pub fn send_rest(&mut self, socket: &impl AsRawFd, time: Duration) -> Result<()> {
        let (start, last) = (Instant::now(), self.headers.len() / self.size - 1);
        while start.elapsed() < time && self.next < last {
            self.send(socket.as_raw_fd())?;
        }
        Ok(())
    }

    /// Sends them again and again for a while.
    pub fn send_for(&mut self, socket: &impl AsRawFd, time: Duration) -> Result<()> {
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < time && sent < MOST {
            sent += self.send(socket.as_raw_fd())?;
        }
        Ok(())
    }

    /// Sends the next batch.
    fn send(&mut self, socket: RawFd) -> Result<usize> {
        let mut batches = self.headers.chunks_exact_mut(self.size);
        let count = batches.len();
        let batch = batches.nth(self.next).context("no message to send")?;
        self.next = (self.next + 1) % count;
        let (headers, size) = (batch.as_mut_ptr(), batch.len());
        // SAFETY: the headers point to the vectors, these to the messages; all live as long as
        // `self`, and `sendmmsg` only reads the messages.
        let result = unsafe { libc::sendmmsg(socket, headers, size as u32, 0) };
        match Errno::result(result) {
            // A full queue is the path's limit and not a failure.
            Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => Ok(size),
            Err(error) => Err(error).context("a batch of messages"),
        }
    }
}

fn vector(message: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: message.as_ptr().cast_mut().cast(),
        iov_len: message.len(),
    }
}

fn header(vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: a C structure of integers and pointers, for which zero is a value.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}
