//! A world with established sessions whose way TC has found, and both programs side by side.

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{Counters, FdbEntry, FdbFlags, Session, SessionFlags, SessionKey},
    nat::proto,
    tcp,
};
use tests::{
    packet::{Ipv4, Ipv6, Tcp, ether_type, ethernet, tcp_flags},
    prog::{
        Hook, Inside, Ran, Tables, Translated, Verdict, World, mac, monotonic_ns, slot, station,
    },
};

/// The server outside.
pub const SERVER: &str = "192.168.99.100";
/// This host outside.
pub const OUTSIDE: &str = "192.168.99.1";
const INSIDE: &str = "10.0.3.11";
const SERVER_V6: &str = "fd00:b0::64";
const OUTSIDE_V6: &str = "fd00:b0::1";
const INSIDE_V6: &str = "fd00:3::11";
/// L4 ports: the server's, the outside's, the inside's.
const PORTS: [u16; 3] = [53, 40_000, 1000];
/// Slots that a packet from outside to `p1` may count in.
const SLOTS: [u32; 3] = [slot::UPLINK, slot::P1, slot::P2];
/// The clock of the programs lags behind by a tick at most.
const TICK_NS: u64 = 20_000_000;

/// A session with the server, of packets that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Udp,
    Tcp,
    UdpV6,
    TcpV6,
}

impl Flow {
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::UdpV6, Self::TcpV6];

    const fn proto(self) -> u8 {
        match self {
            Self::Udp | Self::UdpV6 => proto::UDP,
            Self::Tcp | Self::TcpV6 => proto::TCP,
        }
    }

    /// A packet as it arrives.
    pub fn frame(self, ttl: u8, payload: &[u8]) -> Vec<u8> {
        self.with_flags(tcp_flags::ACK | tcp_flags::PSH, ttl, payload)
    }

    /// The same, with these flags of TCP.
    pub fn with_flags(self, flags: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
        let [server, outside, _] = PORTS;
        let ends = (OUTSIDE, OUTSIDE_V6, [server, outside]);
        self.build([mac::UPLINK, mac::SERVER], ends, (flags, ttl), payload)
    }

    /// A packet as it goes to the station.
    pub fn translated(self, ttl: u8, payload: &[u8]) -> Vec<u8> {
        let [server, _, inside] = PORTS;
        let ends = (INSIDE, INSIDE_V6, [server, inside]);
        let flags = tcp_flags::ACK | tcp_flags::PSH;
        self.build([mac::C1, mac::GATEWAY], ends, (flags, ttl), payload)
    }

    fn build(
        self,
        [to, from]: [[u8; 6]; 2],
        (dst, dst_v6, [src_port, dst_port]): (&str, &str, [u16; 2]),
        (flags, ttl): (u8, u8),
        payload: &[u8],
    ) -> Vec<u8> {
        let (ip, ip6) = (header(dst, ttl), header_v6(dst_v6, ttl));
        let tcp = Tcp {
            flags,
            ack: 7,
            ..Tcp::syn(src_port, dst_port)
        };
        let (kind, packet) = match self {
            Self::Udp => (ether_type::IPV4, ip.udp(src_port, dst_port, payload)),
            Self::Tcp => (ether_type::IPV4, ip.tcp(&tcp, payload)),
            Self::UdpV6 => (ether_type::IPV6, ip6.udp(src_port, dst_port, payload)),
            Self::TcpV6 => (ether_type::IPV6, ip6.tcp(&tcp, payload)),
        };
        ethernet(to, from, kind, &packet)
    }

    /// A datagram over IPv4 without a checksum, as it arrives.
    pub fn without_checksum(self, ttl: u8) -> Vec<u8> {
        let [server, outside, _] = PORTS;
        let packet = header(OUTSIDE, ttl).udp_without_checksum(server, outside, &[0x5a; 20]);
        ethernet(mac::UPLINK, mac::SERVER, ether_type::IPV4, &packet)
    }

    /// The same as it goes to the station.
    pub fn without_checksum_translated(self, ttl: u8) -> Vec<u8> {
        let [server, _, inside] = PORTS;
        let packet = header(INSIDE, ttl).udp_without_checksum(server, inside, &[0x5a; 20]);
        ethernet(mac::C1, mac::GATEWAY, ether_type::IPV4, &packet)
    }

    const fn session(self) -> Translated {
        let [inside, outside, remote] = match self {
            Self::Udp | Self::Tcp => ["10.0.3.11:1000", "192.168.99.1:40000", "192.168.99.100:53"],
            Self::UdpV6 | Self::TcpV6 => [
                "[fd00:3::11]:1000",
                "[fd00:b0::1]:40000",
                "[fd00:b0::64]:53",
            ],
        };
        Translated {
            proto: self.proto(),
            inside,
            outside,
            remote,
            station: mac::C1,
            flags: SessionFlags { bits: 0 },
        }
    }
}

fn header(dst: &str, ttl: u8) -> Ipv4 {
    Ipv4 {
        ttl,
        tos: 0x28,
        id: 0x1234,
        ..Ipv4::new(SERVER, dst)
    }
}

fn header_v6(dst: &str, hops: u8) -> Ipv6 {
    Ipv6 {
        hops,
        ..Ipv6::new(SERVER_V6, dst)
    }
}

/// Directions of sessions.
pub type Entries = Vec<(SessionKey, Session)>;

/// What a run left, stamps aside: they are taken at other times.
#[derive(Debug, PartialEq)]
struct Left {
    verdict: Verdict,
    frame: Vec<u8>,
    sessions: Entries,
    counters: Vec<Counters>,
}

pub struct Place {
    pub world: World,
    /// The sessions as TC has left them once their ways were found.
    pub known: Entries,
}

impl Place {
    pub fn new() -> Result<Self> {
        let mut world = World::new()?;
        world
            .wires
            .here
            .ip("addr replace fd00:3::1/64 dev gw nodad\n\
             neigh replace fd00:3::11 lladdr 02:00:00:00:00:0b dev gw nud permanent")?;
        let flags = FdbFlags::STATIC.with(FdbFlags::XDP_TARGET);
        let c1 = FdbEntry {
            flags,
            ..station(world.wires.p1, slot::P1)
        };
        world.learn(mac::C1, c1)?;
        for flow in Flow::ALL {
            world.translate(&flow.session())?;
        }
        establish(&mut world)?;
        world.verify(Hook::UplinkXdp)?;
        world.verify(Hook::UplinkIngress)?;
        let uplink = world.wires.uplink;
        for flow in Flow::ALL {
            let ran = world.run(Hook::UplinkIngress, uplink, &flow.frame(64, b"the first"))?;
            ensure!(
                ran.verdict == Verdict::Redirect,
                "{flow:?}: {:?}",
                ran.verdict
            );
        }
        let known = world.sessions()?;
        Ok(Self { world, known })
    }

    /// Runs a frame through XDP and through TC, from the same state, in which a session from outside has been
    /// changed; gives the frame where XDP has taken it. An error where TC would not have done the same.
    pub fn both(&mut self, frame: &[u8], change: impl Fn(&mut Session)) -> Result<Option<Vec<u8>>> {
        let given = given(&self.known, change);
        let uplink = self.world.wires.uplink;
        let mut taken = Ok(None);
        self.world
            .inside(|programs| taken = both(programs, uplink, &given, frame));
        taken
    }

    /// Runs a frame through XDP alone.
    pub fn by_xdp(&mut self, frame: &[u8], change: impl Fn(&mut Session)) -> Result<Ran> {
        let given = given(&self.known, change);
        put(&mut self.world.tables(), &given)?;
        let uplink = self.world.wires.uplink;
        self.world.run(Hook::UplinkXdp, uplink, frame)
    }
}

/// These sessions as of now, those from outside changed.
pub fn given(known: &Entries, change: impl Fn(&mut Session)) -> Entries {
    let now = monotonic_ns() - TICK_NS;
    let mut given = known.clone();
    for (key, session) in &mut given {
        session.last_seen_ns = now;
        session.next_hop.resolved_ns = now;
        if key.network == 0 {
            change(session);
        }
    }
    given
}

/// As [`Place::both`], of a thread in the place's namespace.
pub fn both(
    programs: &mut Inside<'_>,
    uplink: u32,
    given: &Entries,
    frame: &[u8],
) -> Result<Option<Vec<u8>>> {
    let by_xdp = left(programs, (Hook::UplinkXdp, uplink), given, frame)?;
    if by_xdp.verdict == Verdict::Pass {
        ensure!(by_xdp.frame == frame, "it was changed, and passed");
        let counted = by_xdp.counters != [Counters::default(); SLOTS.len()];
        ensure!(!counted, "it was counted, and passed");
        let untouched = sessions(given, given);
        ensure!(
            by_xdp.sessions == untouched,
            "passed, but {:#?}",
            by_xdp.sessions
        );
        return Ok(None);
    }
    let by_tc = left(programs, (Hook::UplinkIngress, uplink), given, frame)?;
    ensure!(by_xdp == by_tc, "{by_xdp:02x?}\nbut TC {by_tc:02x?}");
    Ok(Some(by_xdp.frame))
}

fn left(
    programs: &mut Inside<'_>,
    (hook, uplink): (Hook, u32),
    given: &Entries,
    frame: &[u8],
) -> Result<Left> {
    put(&mut programs.tables(), given)?;
    let ran = programs.run(hook, uplink, frame)?;
    let mut tables = programs.tables();
    let counters = SLOTS.map(|slot| tables.counters(slot));
    Ok(Left {
        verdict: ran.verdict,
        frame: ran.frame,
        counters: counters.into_iter().collect::<Result<_>>()?,
        sessions: sessions(&tables.all("sessions")?, given),
    })
}

fn put(tables: &mut Tables<'_>, given: &Entries) -> Result<()> {
    for (key, _) in tables.all::<SessionKey, Session>("sessions")? {
        if !given.iter().any(|(of_given, _)| *of_given == key) {
            tables.remove_unnoticed::<SessionKey, Session>("sessions", &key)?;
        }
    }
    for (key, session) in given {
        tables.put_unnoticed("sessions", key, session)?;
    }
    SLOTS
        .into_iter()
        .try_for_each(|slot| tables.zero_counters(slot))
}

/// Has both sides of every session send SYN and ACK.
fn establish(world: &mut World) -> Result<()> {
    for (key, session) in world.sessions()? {
        let tcp_flags = match key.proto {
            proto::TCP => tcp::SYN | tcp::ACK,
            _ => 0,
        };
        let session = Session {
            tcp_flags,
            ..session
        };
        world.tables().put("sessions", &key, &session)?;
    }
    Ok(())
}

/// Sessions in order, of whose stamps only is left whether they are new; of the way, where it leads.
fn sessions(entries: &Entries, given: &Entries) -> Entries {
    let mut entries = entries.clone();
    entries.sort_by_key(|(key, _)| *key);
    for (key, session) in &mut entries {
        let before = given.iter().find(|(of_given, _)| of_given == key);
        let stamp = before.map(|(_, before)| before.last_seen_ns);
        session.last_seen_ns = u64::from(stamp != Some(session.last_seen_ns));
        session.next_hop = Default::default();
        session.epoch = 0;
        session.xdp = 0;
        (session.deliver, session.slot) = (0, 0);
    }
    entries
}
