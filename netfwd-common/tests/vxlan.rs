//! The VXLAN header and the outer headers, octet by octet and by property.

use netfwd_common::{
    addr::{Addr, Mac, from_v4},
    csum,
    vxlan::{MAX_VNI, Outer, header, outer_v4, vni},
};
use proptest::prelude::*;

#[test]
fn header_as_rfc_7348_draws_it() {
    // RFC 7348 §5: R R R R I R R R, 24 reserved bits, VNI, 8 reserved bits.
    assert_eq!(header(200), [0x08, 0, 0, 0, 0, 0, 200, 0]);
    assert_eq!(header(MAX_VNI), [0x08, 0, 0, 0, 0xff, 0xff, 0xff, 0]);
}

#[test]
fn outer_headers_octet_by_octet() {
    let (src, dst) = (from_v4([172, 31, 0, 106]), from_v4([172, 31, 0, 107]));
    let outer = Outer {
        src_mac: &[2, 0, 0, 0, 0, 0xa],
        dst_mac: &[2, 0, 0, 0, 0, 0xb],
        src: &src,
        dst: &dst,
        src_port: 49_153,
        dst_port: 4789,
        tos: 0,
        ttl: 64,
        inner_len: 98,
        vni: 200,
    };
    let mut h = [0xee; 50];
    outer_v4(&mut h, &outer);
    #[rustfmt::skip]
    let expected = [
        2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x08, 0x00,
        0x45, 0, 0, 134, 0, 0, 0x40, 0, 64, 17, 0xe1, 0x53, 172, 31, 0, 106, 172, 31, 0, 107,
        0xc0, 0x01, 0x12, 0xb5, 0, 114, 0, 0,
        0x08, 0, 0, 0, 0, 0, 200, 0,
    ];
    assert_eq!(h, expected);
}

prop_compose! {
    fn numbers()(
        ports in any::<(u16, u16)>(), tos in any::<u8>(), ttl in any::<u8>(),
        inner_len in 0u16..=65_499, vni in 1..=MAX_VNI
    ) -> (u16, u16, u8, u8, u16, u32) {
        (ports.0, ports.1, tos, ttl, inner_len, vni)
    }
}

proptest! {
    #[test]
    fn a_vni_comes_back(n in 0..=MAX_VNI) {
        prop_assert_eq!(vni(&header(n)), Some(n));
    }

    #[test]
    fn the_i_flag_decides(bytes in any::<[u8; 8]>()) {
        let read = vni(&bytes);
        prop_assert_eq!(read.is_some(), bytes[0] & 0x08 != 0);
        prop_assert!(read.is_none_or(|n| n <= MAX_VNI));
    }

    #[test]
    fn outer_headers_are_consistent(
        macs in any::<(Mac, Mac)>(), addresses in any::<([u8; 4], [u8; 4])>(), n in numbers()
    ) {
        let (src, dst): (Addr, Addr) = (from_v4(addresses.0), from_v4(addresses.1));
        let (src_port, dst_port, tos, ttl, inner_len, vni) = n;
        let outer = Outer {
            src_mac: &macs.0, dst_mac: &macs.1, src: &src, dst: &dst,
            src_port, dst_port, tos, ttl, inner_len, vni,
        };
        let mut h = [0xee; 50];
        outer_v4(&mut h, &outer);
        // The header's words, checksum included, sum to all ones (RFC 1071 §1).
        prop_assert_eq!(csum::fold(csum::add(0, &h[14..34])), 0xffff);
        prop_assert_eq!(u16::from_be_bytes([h[16], h[17]]), inner_len + 36);
        prop_assert_eq!(u16::from_be_bytes([h[38], h[39]]), inner_len + 16);
        prop_assert_eq!(&h[26..30], &addresses.0);
        prop_assert_eq!(&h[30..34], &addresses.1);
        prop_assert_eq!(h[20] & 0x40, 0x40, "DF is set");
        prop_assert_eq!(&h[40..42], &[0, 0], "no outer UDP checksum");
    }
}
