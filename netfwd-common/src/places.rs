//! Where a way is remembered: each CPU's memories are arrays, in which what frames have in common names a
//! place. How many places there are the loader decides when it makes them.

use crate::limits::{PLACES_BYTES, PLACES_MAX, PLACES_MIN};
use crate::maps::{Arrival, Crossing, Express};

/// Octets that one place takes in all three memories of a CPU.
const EACH: usize = size_of::<Express>() + size_of::<Arrival>() + size_of::<Crossing>();

/// Places of each memory on a machine that may have so many CPUs: a power of two, as many as
/// [`PLACES_BYTES`] have room for over all of them.
#[must_use]
pub const fn number(cpus: usize) -> u32 {
    let cpus = if cpus == 0 { 1 } else { cpus };
    let fit = PLACES_BYTES / EACH / cpus;
    if fit >= PLACES_MAX as usize {
        return PLACES_MAX;
    }
    if fit <= PLACES_MIN as usize {
        return PLACES_MIN;
    }
    1 << fit.ilog2()
}

/// What [`of`] shifts by for so many places; a number that is no power of two leaves the rest of them unused.
#[must_use]
pub const fn shift(places: u32) -> u8 {
    let places = if places < 2 { 2 } else { places };
    (u64::BITS - places.ilog2()) as u8
}

/// The place of what two words tell apart: the upper bits of a product follow from every bit of a factor that is
/// not above them, which is where the words have what differs least.
#[inline(always)]
#[must_use]
pub const fn of(a: u64, b: u64, shift: u8) -> u32 {
    const A: u64 = 0x9e37_79b9_7f4a_7c15;
    const B: u64 = 0xc2b2_ae3d_27d4_eb4f;
    let mixed = a.wrapping_mul(A) ^ b.wrapping_mul(B);
    mixed.wrapping_shr(shift as u32) as u32
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn few_cpus_have_more_places_and_many_the_least() {
        assert_eq!(number(0), number(1));
        assert_eq!(number(1), PLACES_MAX);
        assert_eq!(number(1 << 20), PLACES_MIN);
        for cpus in 1..1024 {
            let places = number(cpus);
            assert!(places.is_power_of_two());
            assert!((PLACES_MIN..=PLACES_MAX).contains(&places));
            assert!(number(cpus + 1) <= places);
            let fits = places as usize * EACH * cpus <= PLACES_BYTES;
            assert!(fits || places == PLACES_MIN, "{cpus} CPUs");
        }
    }

    #[test]
    fn every_place_is_within_its_memory_and_is_somebodys() {
        for places in [2, PLACES_MIN, PLACES_MAX] {
            let shift = shift(places);
            let met: BTreeSet<u32> = (0..16 * u64::from(places))
                .map(|number| of(number, !number, shift))
                .collect();
            assert!(met.iter().all(|place| *place < places));
            assert!(met.len() > places as usize * 9 / 10, "{}", met.len());
        }
        // Whatever is pinned, no place lies beyond it.
        for places in [0, 1, 3, 5000] {
            let places = u32::max(places, 2);
            assert!((0..10_000).all(|number| of(number, 7, shift(places)) < places));
        }
    }

    /// Frames between stations whose MACs are numbered, as [`crate::maps::Express`] has them.
    fn frames(stations: u32, sources: u32) -> impl Iterator<Item = (u64, u64)> {
        let mac = |number: u32| {
            let [a, b, c, d] = number.to_be_bytes();
            [0x02, 0x42, a, b, c, d]
        };
        (0..sources).flat_map(move |source| {
            (0..stations).map(move |station| {
                let (dst, src) = (mac(station), mac(source));
                let head = [
                    dst[0], dst[1], dst[2], dst[3], dst[4], dst[5], src[0], src[1],
                ];
                let tail = u32::from_ne_bytes([src[2], src[3], src[4], src[5]]);
                (u64::from_ne_bytes(head), u64::from(tail ^ (source + 3)))
            })
        })
    }

    #[test]
    fn frames_meet_hardly_more_often_than_chance_has_them() {
        // As many frames as places: chance has 1 - 1/e of the places taken, 63 %.
        for (stations, sources) in [(4096, 1), (64, 64), (1, 4096), (2, 2048), (512, 8)] {
            let shift = shift(4096);
            let met: BTreeSet<u32> = frames(stations, sources)
                .map(|(a, b)| of(a, b, shift))
                .collect();
            assert!(
                met.len() > 4096 * 55 / 100,
                "{stations} × {sources}: {} places",
                met.len()
            );
        }
    }
}
