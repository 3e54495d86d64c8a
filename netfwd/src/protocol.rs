//! IP protocols by name.

use netfwd_common::nat::proto;

/// The name of a protocol as users read it; its number where NAT knows no more of it.
pub fn name(number: u8) -> String {
    let name = match number {
        proto::ICMP => "icmp",
        proto::TCP => "tcp",
        proto::UDP => "udp",
        proto::ICMPV6 => "icmpv6",
        proto::SCTP => "sctp",
        other => return other.to_string(),
    };
    name.to_owned()
}
