//! Traffic that says exactly what became of it.

mod datagram;
mod iperf;
mod ping;
mod tcp;
mod udp;
mod whoami;

use std::sync::OnceLock;

pub use datagram::{exchange, exchange_by, udp_socket, whoami};
pub use iperf::iperf;
pub use ping::{Ping, Report, ping};
pub use tcp::{Transfer, download, tcp_bulk};
pub use udp::{Datagrams, udp_gro, udp_segments};
pub use whoami::{WhoAmI, ask_name, ask_tcp, ask_udp, unspecified};

/// Octets after which the test data repeats: a prime, so that no plausible loss is a multiple of it.
const PERIOD: usize = 65_521;

/// One period of the test data.
fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let mixed = (1..=PERIOD as u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed.map(|mixed| (mixed >> 56) as u8).collect()
    })
}

/// The test data from an offset on, in the pieces that lie in one period.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = &'static [u8]> {
    let start = (offset % PERIOD as u64) as usize;
    let mut rest = len;
    let mut at = start;
    std::iter::from_fn(move || {
        let piece = &pattern()[at..(at + rest).min(PERIOD)];
        rest -= piece.len();
        at = 0;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Fills a buffer with the test data from an offset on.
fn fill(mut buffer: &mut [u8], offset: u64) {
    for piece in pieces(offset, buffer.len()) {
        let (now, later) = buffer.split_at_mut(piece.len());
        now.copy_from_slice(piece);
        buffer = later;
    }
}

/// Whether a buffer holds the test data from an offset on.
fn holds(mut buffer: &[u8], offset: u64) -> bool {
    for piece in pieces(offset, buffer.len()) {
        let (now, later) = buffer.split_at(piece.len());
        if now != piece {
            return false;
        }
        buffer = later;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_is_held_and_nothing_else() {
        let mut buffer = vec![0; 3 * PERIOD];
        fill(&mut buffer, 70_000);
        assert!(holds(&buffer, 70_000));
        assert!(holds(&buffer[1..], 70_001));
        assert!(!holds(&buffer, 70_001));
        *buffer.last_mut().unwrap() ^= 1;
        assert!(!holds(&buffer, 70_000));
    }
}
