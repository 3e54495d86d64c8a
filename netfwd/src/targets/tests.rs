//! What is heard of a target, and what it comes to.

use std::collections::BTreeSet;

use netfwd_common::addr::Addr;

use super::state::{Answer, Known, Signs};

const PLACE: super::Place = (1, Addr::new([7; 16]));
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn signs(answer: Answer, mac: Option<[u8; 6]>, port: Option<u32>) -> Signs {
    Signs { answer, mac, port }
}

/// Whether the target went down or up with this.
fn hear(known: &mut Known, heard: Signs, carrying: &[u32]) -> Option<bool> {
    hear_at(known, heard, carrying, 0)
}

fn hear_at(known: &mut Known, heard: Signs, carrying: &[u32], second: u64) -> Option<bool> {
    let carrying: BTreeSet<u32> = carrying.iter().copied().collect();
    let change = known.hear(PLACE, heard, &carrying, second * 1_000_000_000)?;
    assert_eq!(change.down, known.is_down());
    Some(change.down)
}

#[test]
fn who_does_not_answer_is_down_until_it_does() {
    let mut known = Known::default();
    let heard = |answer| signs(answer, None, None);
    assert_eq!(hear(&mut known, heard(Answer::Unknown), &[]), None);
    assert_eq!(hear(&mut known, heard(Answer::Failed), &[]), Some(true));
    assert_eq!(
        hear(&mut known, heard(Answer::Failed), &[]),
        None,
        "told once"
    );
    // The kernel asks again and again.
    assert_eq!(hear(&mut known, heard(Answer::Unknown), &[]), None);
    let back = signs(Answer::Resolved, Some(MAC), Some(5));
    assert_eq!(hear(&mut known, back, &[5]), Some(false));
}

#[test]
fn a_port_that_is_gone_takes_its_target_along_at_once() {
    let mut known = Known::default();
    let there = signs(Answer::Resolved, Some(MAC), Some(5));
    assert_eq!(hear(&mut known, there, &[4, 5]), None);
    // The FDB entry went with the port, and the kernel believes in the neighbour for a while.
    let stale = signs(Answer::Resolved, Some(MAC), None);
    assert_eq!(hear(&mut known, stale, &[4]), Some(true));
    assert_eq!(hear(&mut known, stale, &[4]), None);
    assert_eq!(
        hear(&mut known, signs(Answer::Unknown, None, None), &[4]),
        None
    );
    let elsewhere = signs(Answer::Resolved, Some(MAC), Some(6));
    assert_eq!(hear(&mut known, elsewhere, &[4, 6]), Some(false));
}

#[test]
fn another_mac_is_another_station() {
    let mut known = Known::default();
    hear(
        &mut known,
        signs(Answer::Resolved, Some(MAC), Some(5)),
        &[5],
    );
    hear(&mut known, signs(Answer::Resolved, Some(MAC), None), &[]);
    assert!(known.is_down());
    // Behind a peer, say, where no port says anything of it.
    let heard = signs(Answer::Resolved, Some(OTHER), None);
    assert_eq!(hear(&mut known, heard, &[]), Some(false));
}

#[test]
fn what_another_process_found_out_holds_until_something_is_heard() {
    let mut known = Known::new(true);
    assert_eq!(hear(&mut known, Signs::default(), &[]), None);
    assert!(known.is_down());
}

#[test]
fn who_is_asked_for_again_and_again_is_down_as_well() {
    let mut known = Known::default();
    let asked = signs(Answer::Asked, None, None);
    let there = signs(Answer::Resolved, Some(MAC), None);
    for second in [10, 13] {
        assert_eq!(hear_at(&mut known, asked, &[], second), None);
    }
    assert_eq!(hear_at(&mut known, there, &[], 14), None);
    assert_eq!(
        hear_at(&mut known, asked, &[], 15),
        None,
        "the count begins anew"
    );
    assert_eq!(hear_at(&mut known, asked, &[], 19), Some(true));
    assert_eq!(hear_at(&mut known, there, &[], 20), Some(false));
}
