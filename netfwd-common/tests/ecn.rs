//! Every combination of RFC 6040's tables.

use netfwd_common::ecn::{decapsulate, encapsulate};

const NOT_ECT: u8 = 0b00;
const ECT1: u8 = 0b01;
const ECT0: u8 = 0b10;
const CE: u8 = 0b11;

#[test]
fn normal_mode_copies_the_ecn_field_outwards() {
    // RFC 6040 §4.1, figure 3, normal mode.
    for inner in [NOT_ECT, ECT1, ECT0, CE] {
        assert_eq!(
            encapsulate(0b1011_1000 | inner, Some(0b0010_1000)),
            0b0010_1000 | inner
        );
        assert_eq!(encapsulate(0b1011_1000 | inner, None), 0b1011_1000 | inner);
    }
}

#[test]
fn a_configured_tos_gives_no_ecn_marks() {
    assert_eq!(encapsulate(NOT_ECT, Some(0xff)), 0xfc);
}

#[test]
fn decapsulation_follows_figure_4() {
    // RFC 6040 §4.2, figure 4: rows are the inner, columns the outer field.
    let figure = [
        (NOT_ECT, [Some(NOT_ECT), Some(NOT_ECT), Some(NOT_ECT), None]),
        (ECT0, [Some(ECT0), Some(ECT0), Some(ECT1), Some(CE)]),
        (ECT1, [Some(ECT1), Some(ECT1), Some(ECT1), Some(CE)]),
        (CE, [Some(CE), Some(CE), Some(CE), Some(CE)]),
    ];
    for (inner, row) in figure {
        for (outer, expected) in [NOT_ECT, ECT0, ECT1, CE].into_iter().zip(row) {
            let dscp = 0b1110_0000;
            let result = decapsulate(0b0100_0000 | outer, dscp | inner);
            assert_eq!(
                result,
                expected.map(|ecn| dscp | ecn),
                "inner {inner:02b} outer {outer:02b}"
            );
        }
    }
}
