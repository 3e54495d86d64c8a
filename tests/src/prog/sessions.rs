//! Sessions put into a world's maps as the programs would make them.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use netfwd_common::{
    addr::{Addr, from_v4},
    maps::{NextHop, Session, SessionFlags, SessionKey, SessionKind},
};

use super::{NETWORK, World};
use crate::packet::Mac;

/// A session between a station and somebody outside.
#[derive(Clone, Copy, Debug)]
pub struct Translated {
    /// IP protocol.
    pub proto: u8,
    /// The station, as `address:port`.
    pub inside: &'static str,
    /// What it is seen as.
    pub outside: &'static str,
    /// Who is outside.
    pub remote: &'static str,
    /// The station's MAC.
    pub station: Mac,
    /// Properties of the direction from outside.
    pub flags: SessionFlags,
}

/// The address and port that a test wrote down.
fn end(written: &str) -> (Addr, u16) {
    let socket: SocketAddr = written.parse().expect("an address and a port");
    let address = match socket.ip() {
        IpAddr::V4(address) => from_v4(address.octets()),
        IpAddr::V6(address) => Addr::new(address.octets()),
    };
    (address, socket.port())
}

fn key(proto: u8, network: u32, src: (Addr, u16), dst: (Addr, u16)) -> SessionKey {
    SessionKey {
        src: src.0,
        dst: dst.0,
        network,
        src_port: src.1,
        dst_port: dst.1,
        proto,
        pad: [0; 3],
    }
}

fn direction(enter: u32, src: (Addr, u16), dst: (Addr, u16)) -> Session {
    Session {
        last_seen_ns: 0,
        packets: 0,
        bytes: 0,
        src: src.0,
        dst: dst.0,
        src_port: src.1,
        dst_port: dst.1,
        tcp_flags: 0,
        kind: SessionKind::Masquerade as u8,
        flags: SessionFlags::default(),
        deliver: 0,
        next_hop: NextHop::default(),
        epoch: 0,
        enter,
        slot: 0,
        network: NETWORK,
        station: Mac::default(),
        xdp: 0,
        port: 0,
        pad2: 0,
        created_ns: 0,
    }
}

impl World {
    /// Puts both directions of a session into the map.
    pub fn translate(&mut self, session: &Translated) -> Result<()> {
        let (inside, outside) = (end(session.inside), end(session.outside));
        let remote = end(session.remote);
        let out = Session {
            station: session.station,
            flags: SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE),
            ..direction(0, outside, remote)
        };
        let mut back = Session {
            flags: session.flags,
            ..direction(NETWORK, remote, inside)
        };
        back.next_hop.dst_mac = session.station;
        let proto = session.proto;
        self.put_session(&key(proto, NETWORK, inside, remote), out)?;
        self.put_session(&key(proto, 0, remote, outside), back)
    }

    /// Puts a session between two stations of the network into the map: `client` has sent to `service`, which
    /// is `target`, as `client_seen`.
    pub fn hairpin(&mut self, proto: u8, ends: [(&str, Mac); 2], seen: [&str; 2]) -> Result<()> {
        let [(client, client_mac), (target, target_mac)] = ends;
        let (client, target) = (end(client), end(target));
        let [client_seen, service] = seen.map(end);
        let mut there = Session {
            station: client_mac,
            ..direction(NETWORK, client_seen, target)
        };
        there.next_hop.dst_mac = target_mac;
        let mut back = Session {
            station: target_mac,
            ..direction(NETWORK, service, client)
        };
        back.next_hop.dst_mac = client_mac;
        self.put_session(&key(proto, NETWORK, client, service), there)?;
        self.put_session(&key(proto, NETWORK, target, client_seen), back)
    }

    /// Stamps a direction with the present, and puts it into the map.
    fn put_session(&mut self, key: &SessionKey, mut session: Session) -> Result<()> {
        let now = super::world::monotonic_ns();
        (session.created_ns, session.last_seen_ns) = (now, now);
        self.tables().put("sessions", key, &session)
    }

    /// An error where a packet was counted for a session.
    pub fn sessions_untouched(&mut self) -> Result<()> {
        let touched = |session: &Session| session.packets != 0 || session.tcp_flags != 0;
        let sessions = self.sessions()?;
        anyhow::ensure!(
            !sessions.is_empty() && !sessions.iter().any(|(_, session)| touched(session)),
            "{sessions:#?}"
        );
        Ok(())
    }
}
