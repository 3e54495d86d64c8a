//! The pinned maps; what each holds is said at its types in `netfwd_common::maps`.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, PerCpuHashMap, lpm_trie::Key},
    helpers::bpf_ktime_get_coarse_ns,
    macros::btf_map,
};
use netfwd_common::{
    addr::Addr,
    limits,
    maps::{
        Config, Counters, DropKey, FdbEntry, FdbKey, FloodKey, FloodTarget, Member, MemberKey,
        Network, Peer, Port, Publish, PublishKey, Session, SessionKey, Subnet, Uplink,
    },
};

use crate::parse::{ETH_LEN, Flow};

const GROWING: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map(name = "config")]
static CONFIG: Array<Config, 1> = Array::new();
#[btf_map(name = "ports")]
static PORTS: HashMap<u32, Port, { limits::PORTS }> = HashMap::new();
#[btf_map(name = "networks")]
static NETWORKS: HashMap<u32, Network, { limits::NETWORKS }> = HashMap::new();
#[btf_map(name = "vnis")]
static VNIS: HashMap<u32, u32, { limits::NETWORKS }> = HashMap::new();
/// Stations, learned and static.
#[btf_map(name = "fdb")]
pub static FDB: HashMap<FdbKey, FdbEntry, { limits::FDB_ENTRIES }, GROWING> = HashMap::new();
#[btf_map(name = "flood")]
static FLOOD: HashMap<FloodKey, FloodTarget, { limits::FLOOD_TARGETS }, GROWING> = HashMap::new();
/// Peers and their next hops.
#[btf_map(name = "peers")]
pub static PEERS: HashMap<Addr, Peer, { limits::PEERS }, GROWING> = HashMap::new();
/// Which peer takes part in which network.
#[btf_map(name = "members")]
pub static MEMBERS: HashMap<MemberKey, Member, { limits::MEMBERS }, GROWING> = HashMap::new();
#[btf_map(name = "uplinks")]
static UPLINKS: HashMap<u32, Uplink, { limits::UPLINKS }> = HashMap::new();
#[btf_map(name = "locals")]
static LOCALS: HashMap<Addr, u32, { limits::LOCAL_ADDRESSES }> = HashMap::new();
#[btf_map(name = "subnets")]
static SUBNETS: LpmTrie<Addr, Subnet, { limits::SUBNETS }> = LpmTrie::new();
#[btf_map(name = "publishes")]
static PUBLISHES: HashMap<PublishKey, Publish, { limits::PUBLISHES }, GROWING> = HashMap::new();
/// Translated flows, one entry a direction.
#[btf_map(name = "sessions")]
pub static SESSIONS: HashMap<SessionKey, Session, { limits::SESSION_ENTRIES }, GROWING> =
    HashMap::new();
/// Packets and octets, by slot.
#[btf_map(name = "counters")]
pub static COUNTERS: PerCpuArray<Counters, { limits::SLOTS }> = PerCpuArray::new();
/// Drops, by slot and reason.
#[btf_map(name = "drops")]
pub static DROPS: PerCpuHashMap<DropKey, u64, { limits::DROP_COUNTERS }, GROWING> =
    PerCpuHashMap::new();
/// Room for what a packet's way needs: it would not fit the 512 octets of stack.
#[btf_map(name = "scratch")]
static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();

/// The flow of the packet at hand, a session under construction, and the search for its l4 port.
#[repr(C)]
pub struct Scratch {
    /// The flow.
    pub flow: Flow,
    /// The outer headers of a frame that is encapsulated.
    pub outer: [u8; limits::ENCAP_V4],
    /// The Ethernet header behind them.
    pub inner: [u8; ETH_LEN],
    /// The direction that is inserted next.
    pub session: Session,
    /// The key of the reply's direction, whose l4 port is searched for.
    pub reply: SessionKey,
    /// Random start of the search.
    pub hash: u32,
    /// What the last insertion returned.
    pub error: i32,
    /// The l4 port that is kept if it is free.
    pub inside_port: u16,
    /// Lowest l4 port.
    pub low: u16,
    /// Highest l4 port.
    pub high: u16,
    /// Zero.
    pub pad: u16,
}

/// CLOCK_MONOTONIC at the resolution of a tick, in nanoseconds: ages need no more, and it costs a
/// tenth of the exact clock.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: the helper takes no argument.
    unsafe { bpf_ktime_get_coarse_ns() }
}

/// This CPU's scratch, for the length of one stage.
#[inline(always)]
pub fn scratch() -> Option<&'static mut Scratch> {
    // SAFETY: this CPU's own element. Programs that a redirect or clone runs on this CPU come after
    // the stage that filled it has used it.
    SCRATCH
        .get_ptr_mut(0)
        .map(|scratch| unsafe { &mut *scratch })
}

/// Declares a read-only lookup in a map whose values only the loader changes, field by field.
macro_rules! lookup {
    ($(#[$doc:meta])* $name:ident, $map:ident, $key:ty => $value:ty) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $name(key: &$key) -> Option<&'static $value> {
            // SAFETY: the loader replaces values as a whole; an element that is removed meanwhile
            // stays readable until this program's RCU section ends.
            unsafe { $map.get(key) }
        }
    };
}

lookup!(/// The port on an interface.
    port, PORTS, u32 => Port);
lookup!(/// The network with an id.
    network, NETWORKS, u32 => Network);
lookup!(/// The network with a VNI.
    vni, VNIS, u32 => u32);
lookup!(/// The uplink on an interface.
    uplink, UPLINKS, u32 => Uplink);
lookup!(/// The interface that has an address of this host.
    local, LOCALS, Addr => u32);
lookup!(/// A published listener.
    publish, PUBLISHES, PublishKey => Publish);
lookup!(/// A flood target.
    flood_target, FLOOD, FloodKey => FloodTarget);

/// The instance's configuration.
#[inline(always)]
pub fn config() -> Option<&'static Config> {
    CONFIG.get(0)
}

/// The subnet of a network here that holds an IPv4 address.
#[inline(always)]
pub fn subnet(address: &Addr) -> Option<&'static Subnet> {
    SUBNETS.get(&Key::new(128, *address))
}
