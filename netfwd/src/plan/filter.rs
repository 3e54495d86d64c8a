//! Which sessions somebody means.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use netfwd_common::addr::Addr;
use netfwd_common::maps::{Mapping, MappingKey, Session, SessionFlags, SessionKey, SessionKind};

use crate::address::from_addr;

/// Which sessions; what is absent matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Of this network.
    pub network: Option<u32>,
    /// Made so.
    pub kind: Option<SessionKind>,
    /// Of this IP protocol.
    pub proto: Option<u8>,
    /// With this source, before translation or after it, seen from the side that opened it.
    pub src: Option<End>,
    /// With this destination, before translation or after it, seen from the side that opened it.
    pub dst: Option<End>,
}

/// One end of a session: an address or prefix, and an l4 port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    net: IpNet,
    port: Option<u16>,
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let socket: Option<SocketAddr> = text.parse().ok();
        let address: Option<IpAddr> = text.parse().ok();
        let net = address.map(|address| address.to_canonical().into());
        let bare = || Some((net.or_else(|| text.parse().ok())?, None));
        let found = match socket {
            Some(socket) => Some((socket.ip().to_canonical().into(), Some(socket.port()))),
            None => bare(),
        };
        let (net, port) = found.ok_or_else(|| {
            format!("`{text}` is no end of a session; use an address, address:port or prefix")
        })?;
        Ok(Self { net, port })
    }
}

impl End {
    fn is(&self, address: &Addr, port: u16) -> bool {
        self.net.contains(&from_addr(address)) && self.port.is_none_or(|wanted| wanted == port)
    }
}

impl SessionFilter {
    /// Whether this is the original direction of a session that is meant.
    pub fn matches(&self, key: &SessionKey, session: &Session) -> bool {
        let networks = [session.network, key.network, session.enter];
        let is = |end: &Option<End>, one: (&Addr, u16), other: (&Addr, u16)| {
            end.is_none_or(|end| end.is(one.0, one.1) || end.is(other.0, other.1))
        };
        session.flags.has(SessionFlags::ORIGINAL)
            && self
                .network
                .is_none_or(|network| networks.contains(&network))
            && self.kind.is_none_or(|kind| session.kind == kind as u8)
            && self.proto.is_none_or(|proto| key.proto == proto)
            && is(
                &self.src,
                (&key.src, key.src_port),
                (&session.src, session.src_port),
            )
            && is(
                &self.dst,
                (&key.dst, key.dst_port),
                (&session.dst, session.dst_port),
            )
    }

    /// Whether the mappings of what is meant go too: unless somebody means sessions to one destination,
    /// which the mapping knows nothing of.
    pub fn is_of_mappings(&self) -> bool {
        self.dst.is_none() && self.kind.is_none_or(|kind| kind == SessionKind::Masquerade)
    }

    /// Whether this is a mapping, from either side, of sessions that are meant.
    pub fn matches_mapping(&self, key: &MappingKey, mapping: &Mapping) -> bool {
        let src =
            |end: End| end.is(&key.address, key.port) || end.is(&mapping.address, mapping.port);
        self.network
            .is_none_or(|network| mapping.network == network)
            && self.proto.is_none_or(|proto| key.proto == proto)
            && self.src.is_none_or(src)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::to_addr;

    fn end(text: &str) -> End {
        text.parse().expect(text)
    }

    #[test]
    fn an_end_is_an_address_with_its_port_or_a_prefix() {
        let is =
            |end: End, text: &str, port| end.is(&to_addr(text.parse().expect("an address")), port);
        assert!(is(end("10.0.3.20"), "10.0.3.20", 80));
        assert!(is(end("10.0.3.20:80"), "10.0.3.20", 80));
        assert!(!is(end("10.0.3.20:80"), "10.0.3.20", 81));
        assert!(is(end("10.0.3.0/24"), "10.0.3.20", 1));
        assert!(!is(end("10.0.3.0/24"), "10.0.4.20", 1));
        assert!(is(end("[fd00::1]:22"), "fd00::1", 22));
        assert!(is(end("fd00::/64"), "fd00::1", 22));
        for bad in ["", "10.0.3", "10.0.3.20:x", "fd00::1:80000", "10.0.3.0/33"] {
            assert!(bad.parse::<End>().is_err(), "{bad}");
        }
    }
}
