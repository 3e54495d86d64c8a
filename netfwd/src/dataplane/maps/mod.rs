//! Typed access to the pinned maps, for the daemon and for whoever only looks.

mod crossings;
mod lanes;
mod learned;
mod sessions;
mod table;

use std::collections::BTreeMap;

use aya::{
    maps::{
        Array, LpmTrie, MapData, MapError, PerCpuArray, PerCpuHashMap, PerCpuValues, lpm_trie::Key,
    },
    util::nr_cpus,
};
use netfwd_common::{
    addr::Addr,
    limits,
    maps::{
        BindingKey, Config, ConfigFlags, Counters, Crossing, DropKey, Epoch, FdbEntry, FdbKey,
        Floating, FloatingKey, FloodKey, FloodTarget, Group, GroupKey, Learned, Mapping,
        MappingKey, Member, MemberKey, Neighbour, NeighbourKey, Network, PairKey, Peer, Port,
        Publish, PublishKey, Session, SessionKey, Subnet, Target, TargetKey, Uplink, Vlan, VlanKey,
        Vtep,
    },
};
use nix::time::{ClockId, clock_gettime};

pub use crossings::Uncounted;
use lanes::Lanes;
pub use learned::Tally;
pub use sessions::{Ended, Endings};
pub use table::Table;

use super::{DataplaneError, Pins};
use crate::observed::Prefix;
use table::unless_absent;
pub(super) use table::{Tried, typed};

/// Every map that is pinned.
pub(super) const PINNED: [&str; 37] = [
    "config",
    "ports",
    "networks",
    "vnis",
    "fdb",
    "flood",
    "peers",
    "members",
    "uplinks",
    "locals",
    "subnets",
    "publishes",
    "sessions",
    "counters",
    "drops",
    "vlans",
    "bindings",
    "neighbours",
    "groups",
    "learned",
    "removed",
    "epoch",
    "arrivals",
    "crossings",
    "express",
    "vteps",
    "vxlan_ports",
    "targets",
    "floatings",
    "externals",
    "pairs",
    "mappings",
    "sockets",
    "storms",
    EVENTS,
    STAGES,
    // What an entry program hands to a stage: at a restart the entries are of the last process for a
    // while, and the stages of this one already.
    "handover",
];
/// The ring buffer of events.
pub(super) const EVENTS: &str = "events";
/// The programs that others call.
pub(super) const STAGES: &str = "stages";

/// CLOCK_MONOTONIC in nanoseconds, the clock of every stamp in the maps.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every kernel has CLOCK_MONOTONIC");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// The maps of one instance.
pub struct Maps {
    config: Array<MapData, Config>,
    /// `ports`.
    pub ports: Table<u32, Port>,
    /// `networks`.
    pub networks: Table<u32, Network>,
    /// `vnis`.
    pub vnis: Table<u32, u32>,
    /// `fdb`.
    pub fdb: Table<FdbKey, FdbEntry>,
    /// `flood`.
    pub flood: Table<FloodKey, FloodTarget>,
    /// `peers`.
    pub peers: Table<Addr, Peer>,
    /// `members`.
    pub members: Table<MemberKey, Member>,
    /// `uplinks`.
    pub uplinks: Table<u32, Uplink>,
    /// `locals`.
    pub locals: Table<Addr, u32>,
    subnets: LpmTrie<MapData, Addr, Subnet>,
    /// `publishes`.
    pub publishes: Table<PublishKey, Publish>,
    /// `sessions`.
    pub sessions: Table<SessionKey, Session>,
    counters: PerCpuArray<MapData, Counters>,
    drops: PerCpuHashMap<MapData, DropKey, u64>,
    /// `vlans`.
    pub vlans: Table<VlanKey, Vlan>,
    /// `bindings`.
    pub bindings: Table<BindingKey, u64>,
    /// `neighbours`.
    pub neighbours: Table<NeighbourKey, Neighbour>,
    /// `groups`.
    pub groups: Table<GroupKey, Group>,
    learned: Array<MapData, Learned>,
    removed: Array<MapData, u64>,
    epoch: Array<MapData, Epoch>,
    crossings: Lanes<Crossing>,
    /// `vteps`.
    pub vteps: Table<Addr, Vtep>,
    /// `vxlan_ports`.
    pub vxlan_ports: Table<u32, u32>,
    /// `targets`.
    pub targets: Table<TargetKey, Target>,
    /// `floatings`.
    pub floatings: Table<FloatingKey, Floating>,
    /// `externals`.
    pub externals: Table<Addr, u32>,
    /// `pairs`.
    pub pairs: Table<PairKey, u32>,
    /// `mappings`.
    pub mappings: Table<MappingKey, Mapping>,
    storms: Array<MapData, u64>,
    /// Sessions that have ended and were not told of yet.
    pub endings: Endings,
}

impl Maps {
    /// Opens the pinned maps of an instance, whether its daemon lives or not.
    pub fn open(instance: &str) -> Result<Self, DataplaneError> {
        let pins = &Pins::existing(instance)?;
        Ok(Self {
            config: typed(pins, "config")?,
            ports: Table::open(pins, "ports")?,
            networks: Table::open(pins, "networks")?,
            vnis: Table::open(pins, "vnis")?,
            fdb: Table::open(pins, "fdb")?,
            flood: Table::open(pins, "flood")?,
            peers: Table::open(pins, "peers")?,
            members: Table::open(pins, "members")?,
            uplinks: Table::open(pins, "uplinks")?,
            locals: Table::open(pins, "locals")?,
            subnets: typed(pins, "subnets")?,
            publishes: Table::open(pins, "publishes")?,
            sessions: Table::open(pins, "sessions")?,
            counters: typed(pins, "counters")?,
            drops: typed(pins, "drops")?,
            vlans: Table::open(pins, "vlans")?,
            bindings: Table::open(pins, "bindings")?,
            neighbours: Table::open(pins, "neighbours")?,
            groups: Table::open(pins, "groups")?,
            learned: typed(pins, "learned")?,
            removed: typed(pins, "removed")?,
            epoch: typed(pins, "epoch")?,
            crossings: Lanes::open(pins, "crossings")?,
            vteps: Table::open(pins, "vteps")?,
            vxlan_ports: Table::open(pins, "vxlan_ports")?,
            targets: Table::open(pins, "targets")?,
            floatings: Table::open(pins, "floatings")?,
            externals: Table::open(pins, "externals")?,
            pairs: Table::open(pins, "pairs")?,
            mappings: Table::open(pins, "mappings")?,
            storms: typed(pins, "storms")?,
            endings: Endings::default(),
        })
    }

    /// The configuration, once it has been written, as [`Self::set_config`] takes it.
    pub fn config(&self) -> Result<Option<Config>, DataplaneError> {
        let config = self.config.get(&0, 0).tried("read", "config")?;
        let flags = config.flags.without(ConfigFlags::SESSION_EVENTS);
        Ok((config.layout != 0).then_some(Config { flags, ..config }))
    }

    /// Writes the configuration; whether the programs tell of sessions is not its to say.
    pub fn set_config(&mut self, config: Config) -> Result<(), DataplaneError> {
        let told = self.endings.watched;
        let flags = config.flags.with_if(ConfigFlags::SESSION_EVENTS, told);
        let config = Config { flags, ..config };
        self.config.set(0, config, 0).tried("write", "config")
    }

    /// Sets whether the programs tell of new sessions, and whether those that end are kept to be told of.
    pub fn watch_sessions(&mut self, watched: bool) -> Result<(), DataplaneError> {
        self.endings.watched = watched;
        let written = self.config.get(&0, 0).tried("read", "config")?;
        let is_told = written.flags.has(ConfigFlags::SESSION_EVENTS);
        match self.config()? {
            Some(config) if is_told != watched => self.set_config(config),
            _ => Ok(()),
        }
    }

    /// Has the programs look everything up again; to be called after any change that a frame's way
    /// follows from.
    pub fn renew(&mut self) -> Result<(), DataplaneError> {
        let mut epoch = self.epoch.get(&0, 0).tried("read", "epoch")?;
        epoch.loader = epoch.loader.wrapping_add(1);
        self.epoch.set(0, epoch, 0).tried("write", "epoch")
    }

    /// The masqueraded subnets.
    pub fn subnets(&self) -> Result<BTreeMap<Prefix, Subnet>, DataplaneError> {
        self.subnets
            .iter()
            .map(|entry| entry.map(|(key, value)| ((key.prefix_len(), key.data()), value)))
            .collect::<Result<_, _>>()
            .tried("read", "subnets")
    }

    /// A subnet. The kernel finds the longest prefix that holds it, which need not be this one; where it
    /// finds none, as for whatever is new, the trie is not read.
    pub fn subnet(&self, prefix: Prefix) -> Result<Option<Subnet>, DataplaneError> {
        let found = self.subnets.get(&Key::new(prefix.0, prefix.1), 0);
        if !unless_absent(found.map(drop)).tried("read", "subnets")? {
            return Ok(None);
        }
        Ok(self.subnets()?.remove(&prefix))
    }

    /// Writes a subnet.
    pub fn put_subnet(&mut self, prefix: Prefix, subnet: Subnet) -> Result<(), DataplaneError> {
        let key = Key::new(prefix.0, prefix.1);
        self.subnets
            .insert(&key, subnet, 0)
            .tried("write", "subnets")
    }

    /// Removes a subnet; one that is gone already is no error.
    pub fn remove_subnet(&mut self, prefix: Prefix) -> Result<(), DataplaneError> {
        let key = Key::new(prefix.0, prefix.1);
        unless_absent(self.subnets.remove(&key)).tried("write", "subnets")?;
        Ok(())
    }

    /// The counters of a slot, summed over the CPUs.
    pub fn counters(&self, slot: u32) -> Result<Counters, DataplaneError> {
        let values = self.counters.get(&slot, 0).tried("read", "counters")?;
        Ok(values
            .iter()
            .fold(Counters::default(), |sum, cpu| sum.plus(cpu)))
    }

    /// The drops by slot and reason, summed over the CPUs.
    pub fn drops(&self) -> Result<BTreeMap<DropKey, u64>, DataplaneError> {
        self.drops
            .iter()
            .map(|entry| entry.map(|(key, values)| (key, values.iter().sum())))
            .collect::<Result<_, _>>()
            .tried("read", "drops")
    }

    /// Sets everything that is counted of a slot to zero, and forgets what it listened to.
    pub fn zero(&mut self, slot: u32) -> Result<(), DataplaneError> {
        let cpus = nr_cpus().map_err(|(_, error)| MapError::IoError(error));
        let zeros = cpus
            .and_then(|n| Ok(PerCpuValues::try_from(vec![Counters::default(); n])?))
            .tried("write", "counters")?;
        self.counters
            .set(slot, zeros, 0)
            .tried("write", "counters")?;
        let keys: Vec<DropKey> = self.drops.keys().flatten().collect();
        for key in keys.into_iter().filter(|key| key.slot == slot) {
            unless_absent(self.drops.remove(&key)).tried("write", "drops")?;
        }
        self.storms.set(slot, 0, 0).tried("write", "storms")?;
        for key in self.groups.matching(|key, _| key.slot == slot)?.keys() {
            self.groups.remove(key)?;
        }
        self.zero_learned(slot)
    }
}

/// Fails where the pinned maps cannot be adopted by this version.
pub(super) fn check_layout(pins: &Pins) -> Result<(), DataplaneError> {
    if !pins.map("config").exists() {
        return Ok(());
    }
    let config: Array<MapData, Config> = typed(pins, "config")?;
    let layout = config.get(&0, 0).tried("read", "config")?.layout;
    if layout == 0 || layout == limits::LAYOUT {
        return Ok(());
    }
    Err(DataplaneError::Layout {
        instance: pins.instance().to_owned(),
    })
}
