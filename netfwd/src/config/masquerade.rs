//! `masquerade` of a gateway: to which addresses its subnets are translated.

use std::net::IpAddr;

use netfwd_common::addr::Addr;

use super::reader::Value;
use super::{ConfigError, Gateway, values};
use crate::address::to_addr;

/// What [`Masquerade::parse`] accepts.
pub const MASQUERADE: &str = "true, false, \"ipv4\", \"ipv6\", an address, a range such as \"192.0.2.10-192.0.2.13\" of at most 4096 addresses (256 of IPv6), or an array of these, one for each family";
/// IPv4 addresses of a range.
const RANGE: u32 = 4096;
/// IPv6 addresses of a range: each has a group of its own to join.
const RANGE_V6: u32 = 256;

/// Source NAT of a network's subnets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masquerade {
    /// Of its IPv4 subnets.
    pub v4: SourceNat,
    /// Of its IPv6 subnets.
    pub v6: SourceNat,
}

/// Which source address packets get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceNat {
    /// They keep theirs.
    #[default]
    Off,
    /// The uplink's.
    Uplink,
    /// One of these.
    Range {
        /// The first.
        first: IpAddr,
        /// How many there are.
        count: u32,
    },
}

impl SourceNat {
    /// Whether an address is one of a range.
    pub fn has(self, address: IpAddr) -> bool {
        let Self::Range { first, count } = self else {
            return false;
        };
        let of = |address: IpAddr| number(&to_addr(address));
        first.is_ipv4() == address.is_ipv4()
            && (of(first)..of(first) + u128::from(count)).contains(&of(address))
    }

    /// The addresses of a range.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> {
        let range = match self {
            Self::Range { first, count } => Some((number(&to_addr(first)), count)),
            _ => None,
        };
        range.into_iter().flat_map(|(first, count)| {
            let numbers = (0..count).map(move |more| first + u128::from(more));
            numbers.map(|number| crate::address::from_addr(&Addr::new(number.to_be_bytes())))
        })
    }
}

/// An address as a number; IPv4 ones follow each other as well.
fn number(address: &Addr) -> u128 {
    u128::from_be_bytes(address.octets)
}

impl Masquerade {
    /// None.
    pub const OFF: Self = Self {
        v4: SourceNat::Off,
        v6: SourceNat::Off,
    };
    /// To the uplink's addresses.
    pub const UPLINK: Self = Self {
        v4: SourceNat::Uplink,
        v6: SourceNat::Uplink,
    };

    /// Whether anything is translated.
    pub fn is_on(&self) -> bool {
        *self != Self::OFF
    }

    /// What the words of the file or a command mean, one for each family.
    pub fn parse(words: &[&str]) -> Option<Self> {
        let mut all = Self::OFF;
        for word in words {
            let source = source(word)?;
            let of_family = match (*word, source) {
                ("ipv6", _) => &mut all.v6,
                (_, SourceNat::Range { first, .. }) if first.is_ipv6() => &mut all.v6,
                _ => &mut all.v4,
            };
            if *of_family != SourceNat::Off {
                return None;
            }
            *of_family = source;
        }
        all.is_on().then_some(all)
    }

    /// What a family's subnets are translated to.
    pub fn of(&self, address: IpAddr) -> SourceNat {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}

fn source(word: &str) -> Option<SourceNat> {
    if word == "ipv4" || word == "ipv6" {
        return Some(SourceNat::Uplink);
    }
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let address = |text: &str| values::unicast(text.parse().ok()?);
    let (first, last) = (address(first)?, address(last)?);
    if first.is_ipv4() != last.is_ipv4() {
        return None;
    }
    let count = number(&to_addr(last)).checked_sub(number(&to_addr(first)))? + 1;
    let count = u32::try_from(count).ok()?;
    let most = if first.is_ipv4() { RANGE } else { RANGE_V6 };
    (count <= most).then_some(SourceNat::Range { first, count })
}

/// `masquerade`.
pub(super) fn masquerade(value: &Value<'_>) -> Result<Masquerade, ConfigError> {
    match value.as_bool() {
        Some(true) => return Ok(Masquerade::UPLINK),
        Some(false) => return Ok(Masquerade::OFF),
        None => {}
    }
    let words = value.list().unwrap_or_default();
    let words: Vec<String> = words
        .iter()
        .map(|word| word.parse(MASQUERADE, |text| Some(text.to_owned())))
        .collect::<Result<_, _>>()?;
    if words.is_empty() {
        return value.parse(MASQUERADE, |text| Masquerade::parse(&[text]));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Masquerade::parse(&words).ok_or_else(|| value.refuse(MASQUERADE))
}

impl Gateway {
    /// Why its masquerade makes no sense: no subnet is of the family that is translated.
    pub fn untranslatable(&self) -> Option<&'static str> {
        let has = |v4: bool| self.addresses.iter().any(|a| a.addr().is_ipv4() == v4);
        match self.masquerade {
            Masquerade::UPLINK if has(true) || has(false) => None,
            Masquerade::UPLINK => Some("masquerade needs an address in `addresses`"),
            Masquerade { v4, .. } if v4 != SourceNat::Off && !has(true) => {
                Some("masquerade of IPv4 needs an IPv4 address in `addresses`")
            }
            Masquerade { v6, .. } if v6 != SourceNat::Off && !has(false) => {
                Some("masquerade of IPv6 needs an IPv6 address in `addresses`")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Option<Masquerade> {
        Masquerade::parse(words)
    }

    #[test]
    fn a_range_is_its_addresses() {
        let range = parse(&["192.0.2.254-192.0.3.1"]).expect("a range").v4;
        let all: Vec<String> = range.addresses().map(|a| a.to_string()).collect();
        assert_eq!(
            all,
            ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]
        );
        let has = |text: &str| range.has(text.parse().expect("an address"));
        assert!(has("192.0.2.254") && has("192.0.3.1"));
        assert!(!has("192.0.2.253") && !has("192.0.3.2") && !has("::1"));
    }

    #[test]
    fn families_are_told_apart() {
        let both = parse(&["192.0.2.1", "2001:db8::1-2001:db8::4"]).expect("both");
        assert!(matches!(both.v4, SourceNat::Range { count: 1, .. }));
        assert!(matches!(both.v6, SourceNat::Range { count: 4, .. }));
        let v6 = parse(&["ipv6"]).expect("one");
        assert_eq!((v6.v4, v6.v6), (SourceNat::Off, SourceNat::Uplink));
        let mapped = parse(&["::ffff:192.0.2.1"]).expect("IPv4 in IPv6 is IPv4");
        assert_eq!(mapped.v6, SourceNat::Off);
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for bad in [
            &[][..],
            &["yes"],
            &["192.0.2.1", "192.0.2.2"],
            &["ipv4", "192.0.2.2"],
            &["192.0.2.2-192.0.2.1"],
            &["192.0.2.2-2001:db8::1"],
            &["10.0.0.0-10.0.16.0"],
            &["2001:db8::1-2001:db8::101"],
            &["0.0.0.0"],
            &["224.0.0.1"],
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert!(parse(&["10.0.0.1-10.0.16.0"]).is_some());
    }
}
