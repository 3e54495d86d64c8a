//! IP protocols by name.

use netfwd_common::nat::proto;

/// Those whose sessions have l4 ports, or an identifier in their place.
const NAMED: [(&str, u8); 5] = [
    ("icmp", proto::ICMP),
    ("tcp", proto::TCP),
    ("udp", proto::UDP),
    ("icmpv6", proto::ICMPV6),
    ("sctp", proto::SCTP),
];

/// The name of a protocol as users read it; its number where NAT knows no more of it.
pub fn name(number: u8) -> String {
    let known = NAMED.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// The protocol of this name or number.
pub fn number(text: &str) -> Option<u8> {
    let known = NAMED.iter().find(|(name, _)| *name == text);
    known.map_or_else(|| text.parse().ok(), |(_, number)| Some(*number))
}

/// Whether sessions of a protocol have l4 ports, or an identifier in their place.
pub fn has_ports(number: u8) -> bool {
    NAMED.iter().any(|(_, known)| *known == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_go_by_name_or_number() {
        for text in ["icmp", "tcp", "udp", "icmpv6", "sctp", "47"] {
            let proto = number(text).expect(text);
            assert_eq!(name(proto), text);
            assert_eq!(has_ports(proto), text != "47");
        }
        assert_eq!(number("6"), Some(proto::TCP));
        assert_eq!(number("256"), None);
    }
}
