//! A world: one network with two ports, a gateway, a peer, and the outside.

use anyhow::Result;
use aya::Ebpf;
use netfwd_common::{
    addr::{Addr, Mac, UNSPECIFIED, from_v4},
    limits,
    maps::{
        BindingKey, Config, ConfigFlags, Counters, Deliver, FdbEntry, FdbFlags, FdbKey, FloodKey,
        FloodTarget, Group, GroupKey, Mapping, MappingKey, Neighbour, NeighbourKey, Network,
        NetworkFlags, Port, PortFlags, Session, SessionKey, Timeouts, Vlan, VlanKey,
    },
    verdict::DropReason,
};

use super::{Hook, NETWORK, Ran, Sizes, Tables, VNI, Wires, mac, nat::PORT, object, run, slot};

const SLOTS: std::ops::RangeInclusive<u32> = slot::NONE..=slot::P1_ELSEWHERE;
/// The peer.
pub(super) const PEER: Addr = from_v4([172, 31, 0, 2]);
/// The same peer's IPv6 address, which counts for it too.
pub const PEER_V6: Addr = Addr::new([0xfd, 0, 0, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
/// This host's VTEP over IPv6.
pub const VTEP_V6: Addr = Addr::new([0xfd, 0, 0, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// A group that this host has joined.
pub const GROUP: Addr = from_v4([239, 1, 1, 1]);
/// A UDP port that VXLAN arrives at, beside the usual one.
pub const OTHER_PORT: u16 = 8472;

/// The interfaces, and the programs with their maps.
#[derive(Debug)]
pub struct World {
    /// The interfaces.
    pub wires: Wires,
    ebpf: Ebpf,
}

impl World {
    /// Makes a world and fills its maps as the loader would.
    pub fn new() -> Result<Self> {
        Self::of(Sizes::default())
    }

    /// The same, with maps of other sizes.
    pub fn of(sizes: Sizes) -> Result<Self> {
        let wires = Wires::new()?;
        let mut ebpf = object::load(sizes)?;
        object::stages(&mut ebpf)?;
        let mut world = Self { wires, ebpf };
        world.reset()?;
        Ok(world)
    }

    /// The maps.
    pub fn tables(&mut self) -> Tables<'_> {
        Tables(&mut self.ebpf)
    }

    /// Runs a hook's program on a frame that arrives on an interface.
    pub fn run(&mut self, hook: Hook, ifindex: u32, frame: &[u8]) -> Result<Ran> {
        self.verify(hook)?;
        let ebpf = &mut self.ebpf;
        self.wires
            .here
            .within(|| run::run(ebpf, hook, ifindex, frame))
    }

    /// The same with a super-packet, whose segments have so many octets.
    pub fn run_super(&mut self, on: (Hook, u32), frame: &[u8], segment: u32) -> Result<Ran> {
        self.verify(on.0)?;
        let ebpf = &mut self.ebpf;
        self.wires
            .here
            .within(|| run::run_super(ebpf, on, frame, segment))
    }

    /// Does work in the world's namespace, which runs programs on many frames: entering it takes longer
    /// than a program does.
    pub fn inside<T: Send>(&mut self, work: impl FnOnce(&mut Inside<'_>) -> T + Send) -> T {
        let mut inside = Inside(&mut self.ebpf);
        self.wires.here.within(|| work(&mut inside))
    }

    /// Takes a hook's program through the verifier; running it does so too.
    pub fn verify(&mut self, hook: Hook) -> Result<()> {
        let ebpf = &mut self.ebpf;
        self.wires.here.within(|| object::verify(ebpf, hook))
    }

    /// Puts the maps back to what they were at first.
    pub fn reset(&mut self) -> Result<()> {
        let mut tables = self.tables();
        tables.clear::<FdbKey, FdbEntry>("fdb")?;
        tables.clear::<SessionKey, Session>("sessions")?;
        tables.clear::<MappingKey, Mapping>("mappings")?;
        tables.clear::<FloodKey, FloodTarget>("flood")?;
        tables.clear::<NeighbourKey, Neighbour>("neighbours")?;
        tables.clear::<VlanKey, Vlan>("vlans")?;
        tables.clear::<BindingKey, u64>("bindings")?;
        tables.clear::<GroupKey, Group>("groups")?;
        tables.clear_drops()?;
        SLOTS
            .clone()
            .try_for_each(|slot| tables.zero_counters(slot))?;
        let config = self.config();
        self.tables().set_config(config)?;
        self.fill()
    }

    /// The configuration as it is before a fixture changes it.
    pub fn config(&self) -> Config {
        Config {
            layout: limits::LAYOUT,
            flags: ConfigFlags::TOS_INHERIT
                .with(ConfigFlags::DF)
                .with(ConfigFlags::PUBLISHED)
                .with(ConfigFlags::PUBLISHED_IN_POOL),
            vtep: from_v4([172, 31, 0, 1]),
            companion_ifindex: self.wires.companion,
            vxlan_port: 4789,
            source_port_low: 49_152,
            source_port_high: 65_535,
            // One, so that fixtures know it.
            nat_port_low: PORT,
            nat_port_high: PORT,
            ttl: 64,
            tos: 0,
            netns_cookie: 0,
            timeouts: Timeouts {
                udp: 300,
                tcp_established: 7440,
                tcp_transitory: 240,
                icmp: 60,
                sctp: 7440,
                other: 600,
            },
        }
    }

    /// The network as it is before a fixture changes it.
    pub fn network(&self) -> Network {
        Network {
            ageing_ns: 300_000_000_000,
            vni: VNI,
            slot: slot::NETWORK,
            flags: NetworkFlags::LEARNING
                .with(NetworkFlags::UNKNOWN_UNICAST)
                .with(NetworkFlags::GATEWAY)
                .with(NetworkFlags::OVERLAY)
                .with(NetworkFlags::MASQUERADE),
            gateway_ifindex: self.wires.gateway,
            mtu: 1450,
            flood_len: 4,
            gateway_v4: [10, 0, 3, 1],
            gateway_mac: mac::GATEWAY,
            ..Network::default()
        }
    }

    /// Port `p1` or `p2` as it is before a fixture changes it.
    pub fn port(slot: u32) -> Port {
        let flags = PortFlags::LEARNING.with(PortFlags::UNKNOWN_UNICAST);
        Port {
            ageing_ns: 300_000_000_000,
            network: NETWORK,
            slot,
            flags,
            gateway_mac: mac::GATEWAY,
            deliver: Deliver::Peer as u8,
            ..Port::default()
        }
    }

    /// The key of a station of the network.
    pub fn fdb_key(mac: Mac) -> FdbKey {
        FdbKey {
            network: NETWORK,
            vlan: 0,
            mac,
        }
    }

    /// The FDB entry of a station.
    pub fn fdb(&mut self, mac: Mac) -> Result<Option<FdbEntry>> {
        self.tables().get("fdb", &Self::fdb_key(mac))
    }

    /// Puts a station into the FDB.
    pub fn learn(&mut self, mac: Mac, entry: FdbEntry) -> Result<()> {
        self.tables().put("fdb", &Self::fdb_key(mac), &entry)
    }

    /// Both directions of every session.
    pub fn sessions(&mut self) -> Result<Vec<(SessionKey, Session)>> {
        self.tables().all("sessions")
    }

    /// All drops.
    pub fn drops(&mut self) -> Result<Vec<(u32, DropReason, u64)>> {
        self.tables().drops()
    }

    /// A slot's counters.
    pub fn counters(&mut self, slot: u32) -> Result<Counters> {
        self.tables().counters(slot)
    }

    /// A station behind the peer's IPv6 address.
    pub fn behind_peer_v6() -> FdbEntry {
        FdbEntry {
            peer: PEER_V6,
            ..Self::behind_peer()
        }
    }

    /// A station behind the peer.
    pub fn behind_peer() -> FdbEntry {
        FdbEntry {
            peer: PEER,
            deliver: Deliver::Transmit as u8,
            ..station(0, slot::PEER)
        }
    }
}

/// The programs, as seen by a thread in their namespace.
#[derive(Debug)]
pub struct Inside<'a>(&'a mut Ebpf);

impl Inside<'_> {
    /// Runs a hook's program, which has been verified, on a frame that arrives on an interface.
    pub fn run(&mut self, hook: Hook, ifindex: u32, frame: &[u8]) -> Result<Ran> {
        run::run(self.0, hook, ifindex, frame)
    }

    /// The maps.
    pub fn tables(&mut self) -> Tables<'_> {
        Tables(self.0)
    }
}

/// A learned station behind a port with this interface, heard just now.
pub fn station(ifindex: u32, slot: u32) -> FdbEntry {
    FdbEntry {
        last_seen_ns: monotonic_ns(),
        peer: UNSPECIFIED,
        ifindex,
        slot,
        flags: FdbFlags::default(),
        deliver: Deliver::Peer as u8,
        ..FdbEntry::default()
    }
}

/// CLOCK_MONOTONIC at the resolution of a tick, as the programs' stamps have it: the exact clock is ahead of it,
/// by many ticks where a hypervisor lets none through.
pub fn monotonic_ns() -> u64 {
    let clock = nix::time::ClockId::CLOCK_MONOTONIC_COARSE;
    let now = nix::time::clock_gettime(clock).expect("every kernel has this clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}
