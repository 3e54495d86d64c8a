//! Sessions and mappings on the host that is only data.

use netfwd_common::addr::{Addr, UNSPECIFIED};
use netfwd_common::maps::{
    Mapping, MappingFlags, MappingKey, NextHop, Session, SessionFlags, SessionKey, SessionKind,
};

use super::world::World;
use crate::address::to_addr;

fn end(text: &str) -> (Addr, u16) {
    let end: std::net::SocketAddr = text.parse().expect(text);
    (to_addr(end.ip()), end.port())
}

/// A session: network of the first packet, its two ends before and after translation, and the network that
/// it goes on in.
pub struct Flow {
    pub kind: SessionKind,
    pub from: u32,
    pub before: [&'static str; 2],
    pub after: [&'static str; 2],
    pub enter: u32,
}

impl World {
    pub fn id(&self, network: &str) -> u32 {
        self.ids.networks[network]
    }

    /// Makes a session; gives its key.
    pub fn opens(&mut self, flow: &Flow) -> SessionKey {
        let [(src, src_port), (dst, dst_port)] = flow.before.map(end);
        let key = SessionKey {
            src,
            dst,
            network: flow.from,
            src_port,
            dst_port,
            proto: 6,
            pad: [0; 3],
        };
        let [(src, src_port), (dst, dst_port)] = flow.after.map(end);
        let there = Session {
            src,
            dst,
            src_port,
            dst_port,
            enter: flow.enter,
            network: if flow.from == 0 {
                flow.enter
            } else {
                flow.from
            },
            kind: flow.kind as u8,
            flags: SessionFlags::ORIGINAL,
            ..nothing()
        };
        let back = Session {
            src: key.dst,
            dst: key.src,
            src_port: key.dst_port,
            dst_port: key.src_port,
            enter: flow.from,
            flags: SessionFlags::default(),
            ..there
        };
        self.sim.sessions.insert(key, there);
        self.sim.sessions.insert(key.opposite(&there), back);
        key
    }

    pub fn masquerades(
        &mut self,
        network: &str,
        src: &'static str,
        seen_as: &'static str,
    ) -> SessionKey {
        let flow = Flow {
            kind: SessionKind::Masquerade,
            from: self.id(network),
            before: [src, "198.51.100.1:443"],
            after: [seen_as, "198.51.100.1:443"],
            enter: 0,
        };
        self.opens(&flow)
    }

    pub fn reaches(
        &mut self,
        kind: SessionKind,
        listen: &'static str,
        to: &'static str,
    ) -> SessionKey {
        let flow = Flow {
            kind,
            from: 0,
            before: ["198.51.100.1:4000", listen],
            after: ["198.51.100.1:4000", to],
            enter: self.id("blue"),
        };
        self.opens(&flow)
    }

    pub fn publishes(&mut self, listen: &'static str, to: &'static str) -> SessionKey {
        self.reaches(SessionKind::Publish, listen, to)
    }

    /// Makes a mapping, both sides.
    pub fn maps(&mut self, network: &str, inside: &str, outside: &str) -> MappingKey {
        let network = self.id(network);
        let (inside, outside) = (end(inside), end(outside));
        let entry = |(address, port), network| MappingKey {
            address,
            network,
            port,
            proto: 6,
            pad: 0,
        };
        let to = |(address, port)| Mapping {
            last_seen_ns: 0,
            address,
            network,
            port,
            flags: MappingFlags::default(),
            pad: 0,
        };
        let key = entry(inside, network);
        self.sim.mappings.insert(key, to(outside));
        self.sim.mappings.insert(entry(outside, 0), to(inside));
        key
    }

    /// Whether a session lives; both of its directions must agree.
    pub fn lives(&self, key: &SessionKey) -> bool {
        let entries = self.sim.sessions.iter();
        let back = entries
            .filter(|(at, back)| at.opposite(back) == *key)
            .count();
        let there = self.sim.sessions.contains_key(key);
        assert_eq!(back, usize::from(there), "half a session of {key:?}");
        there
    }

    pub fn lasts(&self, key: &MappingKey) -> bool {
        let entries = self.sim.mappings.iter();
        let back = entries
            .filter(|(at, back)| at.opposite(back) == *key)
            .count();
        let there = self.sim.mappings.contains_key(key);
        assert_eq!(back, usize::from(there), "half a mapping of {key:?}");
        there
    }
}

fn nothing() -> Session {
    Session {
        last_seen_ns: 0,
        packets: 0,
        bytes: 0,
        src: UNSPECIFIED,
        dst: UNSPECIFIED,
        src_port: 0,
        dst_port: 0,
        tcp_flags: 0,
        kind: 0,
        flags: SessionFlags::default(),
        deliver: 0,
        next_hop: NextHop::default(),
        epoch: 0,
        enter: 0,
        slot: 0,
        network: 0,
        station: [0; 6],
        xdp: 0,
        port: 0,
        pad2: 0,
        created_ns: 0,
    }
}
