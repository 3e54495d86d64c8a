//! The walk over TCP options, against one written the plain way, and the clamp.

use netfwd_common::{
    csum,
    tcp_mss::{MOST_OPTIONS, Step, clamped, options_len, step, summed},
};
use proptest::{collection::vec, prelude::*};

/// Where the value of the MSS option stands, as the programs find it: step by step.
fn walk(options: &[u8]) -> Option<usize> {
    let end = options.len() as u32;
    let mut at = 0;
    for _ in 0..MOST_OPTIONS {
        let [kind, length, ..] = *options.get(at as usize..)? else {
            return None;
        };
        match step([kind, length], at, end) {
            Step::Next(next) => at = next,
            Step::Found(value) => return Some(value as usize),
            Step::Nothing => return None,
        }
    }
    None
}

/// The same, written over slices.
fn plain(options: &[u8]) -> Option<usize> {
    let mut rest = options;
    loop {
        match rest {
            [1, tail @ ..] => rest = tail,
            [2, 4, _, _, ..] => return Some(options.len() - rest.len() + 2),
            [0 | 2, ..] | [] | [_] => return None,
            [_, length, ..] => {
                let length = usize::from(*length);
                if length < 2 || length > rest.len() {
                    return None;
                }
                rest = &rest[length..];
            }
        }
    }
}

/// Options as stacks write them, some of them with an octet changed.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        Just(vec![1]),
        Just(vec![4, 2]),
        Just(vec![3, 3, 7]),
        Just(vec![8, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
        any::<u16>().prop_map(|mss| [&[2, 4], &mss.to_be_bytes()[..]].concat()),
        vec(any::<u8>(), 1..5),
    ];
    vec(one, 0..8).prop_map(|options| {
        let mut octets = options.concat();
        octets.truncate(MOST_OPTIONS as usize);
        octets
    })
}

proptest! {
    #[test]
    fn the_walk_finds_what_is_there(options in options()) {
        prop_assert_eq!(walk(&options), plain(&options));
    }

    /// The walk ends, and what it finds lies within.
    #[test]
    fn the_walk_stays_inside(options in vec(any::<u8>(), 0..=MOST_OPTIONS as usize)) {
        if let Some(value) = walk(&options) {
            prop_assert!(value + 2 <= options.len());
            prop_assert_eq!(&options[value - 2..value], &[2, 4]);
        }
    }

    #[test]
    fn it_is_never_raised(announced: u16, mtu in 0..70_000u32) {
        match clamped(announced, mtu, 40) {
            Some(mss) => prop_assert!(mss < announced && u32::from(mss) == mtu.saturating_sub(40)),
            None => prop_assert!(mtu.saturating_sub(40) >= u32::from(announced)),
        }
    }

    /// The checksum after the change is the one made anew, wherever the option stands.
    #[test]
    fn the_checksum_follows(segment in vec(any::<u8>(), 60), at in 20..58usize, mss: u16) {
        let mut segment = segment;
        let before = !csum::fold(csum::add(0, &segment));
        let old = u16::from_be_bytes([segment[at], segment[at + 1]]);
        segment[at..at + 2].copy_from_slice(&mss.to_be_bytes());
        let after = !csum::fold(csum::add(0, &segment));
        let offset = at as u32;
        let updated = csum::replace(before, summed(old, offset), summed(mss, offset));
        let both_zero = updated.min(after) == 0 && updated.max(after) == 0xffff;
        prop_assert!(updated == after || both_zero);
    }
}

#[test]
fn a_syn_of_linux() {
    let options = [
        2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    assert_eq!(walk(&options), Some(2));
    assert_eq!(clamped(1460, 1450, 40), Some(1410));
    assert_eq!(clamped(1410, 1450, 40), None);
    assert_eq!(clamped(1440, 1430, 60), Some(1370));
}

#[test]
fn malformed_options_have_none() {
    for options in [
        &[2, 3, 5, 180][..],
        &[2, 4, 5],
        &[3, 0, 2, 4, 5, 180],
        &[3, 40, 2, 4, 5, 180],
        &[0, 2, 4, 5, 180],
        &[2],
    ] {
        assert_eq!(walk(options), None, "{options:?}");
    }
    assert_eq!(options_len(0x40), None);
    assert_eq!(options_len(0x50), Some(0));
    assert_eq!(options_len(0xf0), Some(40));
}
