//! The outer headers, octet by octet and by property.

use netfwd_common::{
    addr::{Addr, Mac, from_v4},
    csum,
    limits::{ENCAP_V4, ENCAP_V6},
    maps::Wrap,
    outer::{LEN_V4, LEN_V6, Outer, Own, common_v4, common_v6, own_v4, own_v6, stations},
    vxlan::{MAX_VNI, header},
};
use proptest::prelude::*;

const C1: Mac = [2, 0, 0, 0, 0, 1];
const C2: Mac = [2, 0, 0, 0, 0, 2];

fn dirty() -> Wrap {
    Wrap {
        bytes: [0xee; LEN_V6],
        ..Wrap::default()
    }
}

const OWN: Own = Own {
    inner_len: 98,
    ether_type: 0x0800,
    tos: 0,
    hash: 0xdead_beef,
    src_port: 49_153,
    df: true,
    id: 7,
};

#[test]
fn over_ipv4_octet_by_octet() {
    let outer = Outer {
        src_mac: &[2, 0, 0, 0, 0, 0xa],
        dst_mac: &[2, 0, 0, 0, 0, 0xb],
        src: &from_v4([172, 31, 0, 106]),
        dst: &from_v4([172, 31, 0, 107]),
        dst_port: 4789,
        ttl: 64,
        vni: 200,
    };
    let mut wrap = dirty();
    common_v4(&mut wrap, &outer);
    stations(&mut wrap, ENCAP_V4, &C2, &C1);
    own_v4(&mut wrap, &OWN);
    #[rustfmt::skip]
    let expected = [
        2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x08, 0x00,
        0x45, 0, 0, 134, 0, 0, 0x40, 0, 64, 17, 0xe1, 0x53, 172, 31, 0, 106, 172, 31, 0, 107,
        0xc0, 0x01, 0x12, 0xb5, 0, 114, 0, 0,
        0x08, 0, 0, 0, 0, 0, 200, 0,
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
    ];
    assert_eq!(wrap.bytes[..LEN_V4], expected);
}

#[test]
fn over_ipv6_octet_by_octet() {
    let one = |last| Addr::new([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let outer = Outer {
        src_mac: &[2, 0, 0, 0, 0, 0xa],
        dst_mac: &[2, 0, 0, 0, 0, 0xb],
        src: &one(6),
        dst: &one(7),
        dst_port: 4789,
        ttl: 64,
        vni: 200,
    };
    let mut wrap = dirty();
    common_v6(&mut wrap, &outer);
    stations(&mut wrap, ENCAP_V6, &C2, &C1);
    own_v6(&mut wrap, &Own { tos: 0xb8, ..OWN });
    #[rustfmt::skip]
    let expected = [
        2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x86, 0xdd,
        0x6b, 0x8d, 0xbe, 0xef, 0, 114, 17, 64,
        0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6,
        0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
        0xc0, 0x01, 0x12, 0xb5, 0, 114, 0, 0,
        0x08, 0, 0, 0, 0, 0, 200, 0,
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
    ];
    assert_eq!(wrap.bytes, expected);
}

prop_compose! {
    fn owns()(
        inner_len in 0u16..=65_479, ether_type in any::<u16>(), tos in any::<u8>(),
        hash in any::<u32>(), src_port in any::<u16>(), df in any::<bool>(), id in any::<u16>()
    ) -> Own {
        Own { inner_len, ether_type, tos, hash, src_port, df, id }
    }
}

proptest! {
    #[test]
    fn ipv4_headers_are_consistent(
        macs in any::<(Mac, Mac)>(), addresses in any::<([u8; 4], [u8; 4])>(),
        dst_port in any::<u16>(), ttl in any::<u8>(), vni in 1..=MAX_VNI, owns in prop::array::uniform2(owns())
    ) {
        let (src, dst): (Addr, Addr) = (from_v4(addresses.0), from_v4(addresses.1));
        let outer = Outer {
            src_mac: &macs.0, dst_mac: &macs.1, src: &src, dst: &dst, dst_port, ttl, vni,
        };
        let mut wrap = dirty();
        common_v4(&mut wrap, &outer);
        // What one frame leaves behind is not in the next one's.
        for own in &owns {
            own_v4(&mut wrap, own);
            let h = &wrap.bytes;
            // The header's words, checksum included, sum to all ones (RFC 1071 §1).
            prop_assert_eq!(csum::fold(csum::add(0, &h[14..34])), 0xffff);
            prop_assert_eq!(u16::from_be_bytes([h[16], h[17]]), own.inner_len + 36);
            prop_assert_eq!(u16::from_be_bytes([h[38], h[39]]), own.inner_len + 16);
            prop_assert_eq!(&h[26..30], &addresses.0);
            prop_assert_eq!(&h[30..34], &addresses.1);
            prop_assert_eq!(h[20] == 0x40, own.df);
            prop_assert_eq!(u16::from_be_bytes([h[18], h[19]]), if own.df { 0 } else { own.id });
            prop_assert_eq!(&h[40..42], &[0, 0], "no outer UDP checksum");
            prop_assert_eq!(&h[42..50], &header(vni));
        }
    }

    #[test]
    fn ipv6_headers_are_consistent(
        addresses in any::<([u8; 16], [u8; 16])>(), vni in 1..=MAX_VNI, own in owns()
    ) {
        let (src, dst) = (Addr::new(addresses.0), Addr::new(addresses.1));
        let outer = Outer {
            src_mac: &C1, dst_mac: &C2, src: &src, dst: &dst,
            dst_port: 4789, ttl: 3, vni,
        };
        let mut wrap = dirty();
        common_v6(&mut wrap, &outer);
        own_v6(&mut wrap, &own);
        let h = &wrap.bytes;
        let first = u32::from_be_bytes([h[14], h[15], h[16], h[17]]);
        prop_assert_eq!(first, 6 << 28 | u32::from(own.tos) << 20 | own.hash & 0x000f_ffff);
        prop_assert_eq!(&h[18..20], &h[58..60], "IPv6 and UDP agree on the length");
        prop_assert_eq!(u16::from_be_bytes([h[18], h[19]]), own.inner_len + 16);
        prop_assert_eq!(&h[22..38], &addresses.0);
        prop_assert_eq!(&h[38..54], &addresses.1);
        prop_assert_eq!(&h[62..70], &header(vni));
    }
}
