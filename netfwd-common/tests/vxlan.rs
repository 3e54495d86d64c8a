//! The VXLAN header, octet by octet and by property.

use netfwd_common::vxlan::{MAX_VNI, has_reserved, header, vni};
use proptest::prelude::*;

#[test]
fn header_as_rfc_7348_draws_it() {
    // RFC 7348 §5: R R R R I R R R, 24 reserved bits, VNI, 8 reserved bits.
    assert_eq!(header(200), [0x08, 0, 0, 0, 0, 0, 200, 0]);
    assert_eq!(header(MAX_VNI), [0x08, 0, 0, 0, 0xff, 0xff, 0xff, 0]);
}

proptest! {
    #[test]
    fn a_vni_comes_back(n in 0..=MAX_VNI) {
        prop_assert_eq!(vni(&header(n)), Some(n));
        prop_assert!(!has_reserved(&header(n)));
    }

    #[test]
    fn the_i_flag_decides(bytes in any::<[u8; 8]>()) {
        let read = vni(&bytes);
        prop_assert_eq!(read.is_some(), bytes[0] & 0x08 != 0);
        prop_assert!(read.is_none_or(|n| n <= MAX_VNI));
    }

    #[test]
    fn every_reserved_bit_is_seen(n in 0..=MAX_VNI, bit in 0_usize..64) {
        let mut h = header(n);
        h[bit / 8] ^= 0x80 >> (bit % 8);
        // The I flag is bit 4, the VNI bits 32 to 55.
        prop_assert_eq!(has_reserved(&h), bit != 4 && !(32..56).contains(&bit));
    }
}
