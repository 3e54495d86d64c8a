//! Frames made nearly right: a few mistakes in one that is.

use super::Random;
use crate::packet::mend_ipv4;

/// Octets of headers, which mistakes are made in more often than elsewhere.
const HEADERS: usize = 120;
const ETHERNET: usize = 14;
/// The shortest frame that `BPF_PROG_TEST_RUN` takes, and the longest that fits its one page with room.
const SHORTEST: usize = crate::prog::SHORTEST;
const LONGEST: usize = 2000;

/// Makes frames of others.
#[derive(Clone, Debug)]
pub struct Mutator {
    random: Random,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// Makes frames of these, as follows from a seed.
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        Self {
            random: Random::new(seed),
            seeds,
        }
    }

    /// The next frame. One in sixteen has no mistake, so that what is right stays covered.
    pub fn frame(&mut self) -> Vec<u8> {
        let at = self.random.below(self.seeds.len());
        let mut frame = self.seeds[at].clone();
        if !self.random.chance(16) {
            for _ in 0..=self.random.below(3) {
                self.mistake(&mut frame);
            }
            // A mistake in front of a checksum would always be found by it.
            if self.random.chance(2) {
                mend_ipv4(&mut frame);
            }
        }
        frame.truncate(LONGEST);
        frame.resize(frame.len().max(shortest(&frame)), 0);
        frame
    }

    fn mistake(&mut self, frame: &mut Vec<u8>) {
        match self.random.below(9) {
            0 | 1 => self.bit(frame),
            2 => self.octet(frame),
            3 => self.length_field(frame),
            4 => self.cut_or_grow(frame),
            5 => self.splice(frame),
            6 => self.options(frame),
            7 => self.word(frame),
            _ => self.bit_of_outer(frame),
        }
    }

    /// Somewhere in the frame, more often in its headers.
    fn place(&mut self, frame: &[u8]) -> usize {
        let within = if self.random.chance(4) {
            frame.len()
        } else {
            frame.len().min(HEADERS)
        };
        self.random.below(within.max(1))
    }

    fn bit(&mut self, frame: &mut [u8]) {
        let (at, bit) = (self.place(frame), self.random.below(8));
        if let Some(octet) = frame.get_mut(at) {
            *octet ^= 1 << bit;
        }
    }

    fn bit_of_outer(&mut self, frame: &mut [u8]) {
        const OUTER: usize = 14 + 40 + 8 + 8;
        let (at, bit) = (self.random.below(OUTER), self.random.below(8));
        if let Some(octet) = frame.get_mut(at) {
            *octet ^= 1 << bit;
        }
    }

    fn octet(&mut self, frame: &mut [u8]) {
        let at = self.place(frame);
        let any = self.random.number() as u8;
        let value = self.random.one(&[0, 1, 0x7f, 0x80, 0xff, any]);
        if let Some(octet) = frame.get_mut(at) {
            *octet = value;
        }
    }

    fn word(&mut self, frame: &mut [u8]) {
        let at = self.place(frame) & !1;
        let any = self.random.number() as u16;
        let value = self.random.one(&[0, 1, 0x7fff, 0x8000, 0xffff, 4789, any]);
        if let Some(word) = frame.get_mut(at..at + 2) {
            word.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// A length field of some header says a little more, a little less, or anything.
    fn length_field(&mut self, frame: &mut [u8]) {
        const FIELDS: [usize; 8] = [16, 18, 38, 54 + 4, 50 + 16, 70 + 16, 50 + 18, 70 + 18];
        let at = self.random.one(&FIELDS);
        let any = self.random.number() as u16;
        let by = self
            .random
            .one(&[1, 2, 4, 8, 14, 20, 0xffff, 0xfffc, 0xffec, any]);
        if let Some([high, low]) = frame.get_mut(at..at + 2) {
            let [a, b] = u16::from_be_bytes([*high, *low])
                .wrapping_add(by)
                .to_be_bytes();
            (*high, *low) = (a, b);
        }
    }

    fn cut_or_grow(&mut self, frame: &mut Vec<u8>) {
        if self.random.chance(2) {
            frame.truncate(self.random.below(frame.len() + 1));
            return;
        }
        for _ in 0..=self.random.below(40) {
            frame.push(self.random.number() as u8);
        }
    }

    /// The head of this frame and the tail of another.
    fn splice(&mut self, frame: &mut Vec<u8>) {
        let at = self.random.below(self.seeds.len());
        let other = &self.seeds[at];
        let cut = self.random.below(frame.len().clamp(1, HEADERS));
        if let Some(tail) = other.get(cut..) {
            frame.truncate(cut);
            frame.extend_from_slice(tail);
        }
    }

    /// IPv4 options, which the header's lengths count, or do not.
    fn options(&mut self, frame: &mut Vec<u8>) {
        let is_ipv4 = frame.get(12..15).is_some_and(|at| at == [0x08, 0x00, 0x45]);
        if !is_ipv4 || frame.len() < ETHERNET + 20 {
            return;
        }
        let words = 1 + self.random.below(10);
        let option = [self.random.one(&[0, 1, 7, 0x83, 0x94]), 4, 0, 0];
        for _ in 0..words {
            frame.splice(34..34, option);
        }
        if !self.random.chance(4) {
            frame[14] = 0x45 + words as u8;
        }
        if !self.random.chance(4) {
            let total = (frame.len() - ETHERNET) as u16;
            frame[16..18].copy_from_slice(&total.to_be_bytes());
        }
    }
}

/// The kernel wants a whole header of the protocol that the EtherType announces.
fn shortest(frame: &[u8]) -> usize {
    const IPV6: usize = ETHERNET + 40;
    match frame.get(12..14) {
        Some([0x86, 0xdd]) => IPV6,
        _ => SHORTEST,
    }
}
