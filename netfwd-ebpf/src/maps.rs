//! The pinned maps; what each holds is said at its types in `netfwd_common::maps`.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    btf_maps::{
        Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, PerCpuHashMap, ProgramArray, RingBuf,
        lpm_trie::Key,
    },
    helpers::bpf_ktime_get_coarse_ns,
    macros::btf_map,
};
use netfwd_common::{
    addr::{self, Addr},
    limits,
    maps::{
        Arrival, BindingKey, Config, Counters, Crossing, DropKey, Epoch, Event, Express, FdbEntry,
        FdbKey, Floating, FloatingKey, FloodKey, FloodTarget, Group, GroupKey, Learned, Mapping,
        MappingKey, Member, MemberKey, Neighbour, NeighbourKey, Network, PairKey, Peer, Port,
        PortState, Publish, PublishKey, Session, SessionKey, SocketKey, SocketPeer, Stage, Subnet,
        Target, TargetKey, Uplink, Vlan, VlanKey, Vtep, VtepFlags,
    },
};

pub use crate::scratch::{Scratch, scratch};
use crate::source::Source;

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
/// What inside endpoints are seen as, one entry a side.
#[btf_map(name = "mappings")]
pub static MAPPINGS: HashMap<MappingKey, Mapping, { limits::MAPPING_ENTRIES }, GROWING> =
    HashMap::new();
#[btf_map(name = "targets")]
static TARGETS: HashMap<TargetKey, Target, { limits::TARGETS }, GROWING> = HashMap::new();
#[btf_map(name = "floatings")]
static FLOATINGS: HashMap<FloatingKey, Floating, { limits::FLOATINGS }, GROWING> = HashMap::new();
/// Outside addresses that are answered for, and on which uplink.
#[btf_map(name = "externals")]
static EXTERNALS: HashMap<Addr, u32, { limits::EXTERNALS }, GROWING> = HashMap::new();
#[btf_map(name = "pairs")]
static PAIRS: HashMap<PairKey, u32, { limits::PAIRS }, GROWING> = HashMap::new();
/// What processes of this host believe they talk to.
#[btf_map(name = "sockets")]
pub static SOCKETS: LruHashMap<SocketKey, SocketPeer, { limits::SOCKETS }> = LruHashMap::new();
/// Packets and octets, by slot.
#[btf_map(name = "counters")]
pub static COUNTERS: PerCpuArray<Counters, { limits::SLOTS }> = PerCpuArray::new();
/// Drops, by slot and reason.
#[btf_map(name = "drops")]
pub static DROPS: PerCpuHashMap<DropKey, u64, { limits::DROP_COUNTERS }, GROWING> =
    PerCpuHashMap::new();
#[btf_map(name = "vlans")]
static VLANS: HashMap<VlanKey, Vlan, { limits::VLANS }, GROWING> = HashMap::new();
/// The sources that guarded ports may use.
#[btf_map(name = "bindings")]
pub static BINDINGS: HashMap<BindingKey, u64, { limits::BINDINGS }, GROWING> = HashMap::new();
/// Who has which IP address.
#[btf_map(name = "neighbours")]
pub static NEIGHBOURS: HashMap<NeighbourKey, Neighbour, { limits::NEIGHBOURS }, GROWING> =
    HashMap::new();
/// Who listens to which multicast group.
#[btf_map(name = "groups")]
pub static GROUPS: HashMap<GroupKey, Group, { limits::GROUPS }, GROWING> = HashMap::new();
/// Stations that were learned, by slot.
#[btf_map(name = "learned")]
static LEARNED: Array<Learned, { limits::SLOTS }> = Array::new();
/// Learned stations that the loader removed, by slot.
#[btf_map(name = "removed")]
static REMOVED: Array<u64, { limits::SLOTS }> = Array::new();
#[btf_map(name = "epoch")]
static EPOCH: Array<Epoch, 1> = Array::new();
/// Places of the memories of ways, unless the loader makes more.
const PLACES: usize = limits::PLACES_MIN as usize;
#[btf_map(name = "express")]
static EXPRESS: PerCpuArray<Express, PLACES> = PerCpuArray::new();
#[btf_map(name = "arrivals")]
static ARRIVALS: PerCpuArray<Arrival, PLACES> = PerCpuArray::new();
#[btf_map(name = "crossings")]
static CROSSINGS: PerCpuArray<Crossing, PLACES> = PerCpuArray::new();
#[btf_map(name = "vteps")]
static VTEPS: HashMap<Addr, Vtep, { limits::VTEPS }, GROWING> = HashMap::new();
#[btf_map(name = "vxlan_ports")]
static VXLAN_PORTS: HashMap<u32, u32, { limits::VXLAN_PORTS }> = HashMap::new();
/// When the flooding of a port is back at its rate, by slot.
#[btf_map(name = "storms")]
static STORMS: Array<u64, { limits::SLOTS }> = Array::new();
/// What whoever watches is told.
#[btf_map(name = "events")]
pub static EVENTS: RingBuf<Event, { limits::EVENT_BYTES }> = RingBuf::new();
/// Stages in programs of their own.
#[btf_map(name = "stages")]
pub static STAGES: ProgramArray<{ Stage::COUNT }> = ProgramArray::new();
/// What a stage hands over to the next.
#[btf_map(name = "handover")]
pub static HANDOVER: PerCpuArray<Source, 1> = PerCpuArray::new();
/// CLOCK_MONOTONIC at the resolution of a tick, in nanoseconds: ages need no more, and it costs a
/// tenth of the exact clock.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: the helper takes no argument.
    unsafe { bpf_ktime_get_coarse_ns() }
}

/// A value of a map, to be written. Values are aligned to eight octets (`map->value_size` rounded up behind a key
/// rounded up, kernel/bpf/hashtab.c and arraymap.c), which the compiler is told: addresses and other arrays of octets
/// in them are loaded as words then, and not octet by octet.
///
/// # Safety
///
/// The pointer is one that a lookup gave, and the element is valid until this program's RCU section ends.
#[inline(always)]
pub unsafe fn value<T>(pointer: *mut T) -> &'static mut T {
    // SAFETY: the caller's promise; see above.
    unsafe {
        core::hint::assert_unchecked(pointer.addr().is_multiple_of(8));
        &mut *pointer
    }
}

/// The same, to be read.
///
/// # Safety
///
/// As there.
#[inline(always)]
pub unsafe fn shared<T>(pointer: *const T) -> &'static T {
    // SAFETY: the caller's promise; see above.
    unsafe {
        core::hint::assert_unchecked(pointer.addr().is_multiple_of(8));
        &*pointer
    }
}

/// Declares a read-only lookup in a map whose values only the loader changes, field by field.
macro_rules! lookup {
    ($(#[$doc:meta])* $name:ident, $map:ident, $key:ty => $value:ty) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $name(key: &$key) -> Option<&'static $value> {
            // SAFETY: the loader replaces values as a whole; an element that is removed meanwhile
            // stays readable until this program's RCU section ends.
            unsafe { Some(shared($map.get(key)?)) }
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
lookup!(/// A target of a publish.
    target, TARGETS, TargetKey => Target);
lookup!(/// The other address of a floating one.
    floating, FLOATINGS, FloatingKey => Floating);
lookup!(/// The uplink on which an address is answered for.
    external, EXTERNALS, Addr => u32);
lookup!(/// What is said of packets from one network to another.
    pair, PAIRS, PairKey => u32);
lookup!(/// A flood target.
    flood_target, FLOOD, FloodKey => FloodTarget);
lookup!(/// An address that VXLAN arrives at.
    vtep, VTEPS, Addr => Vtep);
lookup!(/// Where frames with a tag on a port's wire belong.
    vlan, VLANS, VlanKey => Vlan);

/// Whether VXLAN may arrive at a UDP port.
#[inline(always)]
pub fn is_vxlan_port(config: &Config, port: u16) -> bool {
    // SAFETY: as in the lookups above.
    port == config.vxlan_port || unsafe { VXLAN_PORTS.get(u32::from(port)).is_some() }
}

/// Whether an address is one of this host's VTEPs.
#[inline(always)]
pub fn is_vtep(config: &Config, address: &Addr) -> bool {
    addr::words(address) == addr::words(&config.vtep)
        || vtep(address).is_some_and(|vtep| !vtep.flags.has(VtepFlags::GROUP))
}

/// Whether an address is a multicast group that this host has joined for its networks.
#[inline(always)]
pub fn is_group(address: &Addr) -> bool {
    vtep(address).is_some_and(|vtep| vtep.flags.has(VtepFlags::GROUP))
}

/// The instance's configuration.
#[inline(always)]
pub fn config() -> Option<&'static Config> {
    // SAFETY: the element of an array stays valid.
    CONFIG.get_ptr(0).map(|config| unsafe { shared(config) })
}

/// The subnet of a network here that holds an IPv4 address.
#[inline(always)]
pub fn subnet(address: &Addr) -> Option<&'static Subnet> {
    let subnet = SUBNETS.get(&Key::new(128, *address))?;
    // SAFETY: as in the lookups above.
    Some(unsafe { shared(subnet) })
}

/// How many stations of a slot's owner are in the FDB because they were learned.
#[inline(always)]
pub fn stations(slot: u32) -> u64 {
    let inserted = LEARNED.get(slot).map_or(0, |learned| learned.inserted);
    let removed = REMOVED.get(slot).copied().unwrap_or(0);
    // Racing CPUs may take back before the loader's count is in: below zero is none.
    let stations = inserted.wrapping_sub(removed);
    if stations.cast_signed() < 0 {
        0
    } else {
        stations
    }
}

/// Adds to the stations that a slot's owner has learned; `u64::MAX` takes one back.
#[inline(always)]
pub fn add_learned(slot: u32, by: u64) {
    if let Some(learned) = LEARNED.get_ptr_mut(slot) {
        // SAFETY: the element of an array stays valid.
        unsafe { add(&raw mut (*learned).inserted, by) };
    }
}

/// Counts a station that was not learned; gives how many there were before.
#[inline(always)]
pub fn add_refused(slot: u32) -> u64 {
    let Some(learned) = LEARNED.get_ptr_mut(slot) else {
        return 0;
    };
    // SAFETY: the element of an array stays valid.
    unsafe {
        add(&raw mut (*learned).refused, 1);
        (*learned).refused - 1
    }
}

/// The epoch, read whole.
#[inline(always)]
pub fn epoch() -> u64 {
    // SAFETY: the element of an array stays valid; its eight octets are aligned, and read at once.
    EPOCH
        .get_ptr(0)
        .map_or(0, |epoch| unsafe { epoch.cast::<u64>().read_volatile() })
}

/// Voids what is remembered of frames' ways; to be called after what they follow from has changed.
#[inline(always)]
pub fn renew() {
    if let Some(epoch) = EPOCH.get_ptr_mut(0) {
        // SAFETY: the element of an array stays valid.
        unsafe { add32(&raw mut (*epoch).programs, 1) };
    }
}

/// This CPU's memory of the frames that have a place.
#[inline(always)]
pub fn express(place: u32) -> Option<&'static mut Express> {
    // SAFETY: this CPU's own element; a program runs to its end on its CPU.
    EXPRESS
        .get_ptr_mut(place)
        .map(|express| unsafe { value(express) })
}

/// When the flooding of a slot's owner is back at its rate; CPUs may race, and let a frame more pass.
#[inline(always)]
pub fn storm(slot: u32) -> Option<&'static mut u64> {
    // SAFETY: the element of an array stays valid.
    STORMS.get_ptr_mut(slot).map(|storm| unsafe { &mut *storm })
}

/// This CPU's memory of the arriving frames that have a place.
#[inline(always)]
pub fn arrival(place: u32) -> Option<&'static mut Arrival> {
    // SAFETY: as above; XDP and TC programs run one after the other on a CPU.
    ARRIVALS
        .get_ptr_mut(place)
        .map(|arrival| unsafe { value(arrival) })
}

/// This CPU's memory of the packets that have a place.
#[inline(always)]
pub fn crossing(place: u32) -> Option<&'static mut Crossing> {
    // SAFETY: as above.
    CROSSINGS
        .get_ptr_mut(place)
        .map(|crossing| unsafe { value(crossing) })
}

/// Adds atomically: every CPU counts here.
///
/// # Safety
///
/// `number` points into a map's value.
#[cfg(target_arch = "bpf")]
#[inline(always)]
unsafe fn add32(number: *mut u32, by: u32) {
    use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u32, u32, { Relaxed }>(number, by) };
}

/// The same on the host, whose clippy reads these programs.
///
/// # Safety
///
/// As there.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
unsafe fn add32(number: *mut u32, by: u32) {
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
    // SAFETY: the caller's promise.
    unsafe { AtomicU32::from_ptr(number) }.fetch_add(by, Relaxed);
}

/// Adds atomically: every CPU counts here.
///
/// # Safety
///
/// `number` points into a map's value.
#[cfg(target_arch = "bpf")]
#[inline(always)]
unsafe fn add(number: *mut u64, by: u64) {
    use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, { Relaxed }>(number, by) };
}

/// The same on the host, whose clippy reads these programs.
///
/// # Safety
///
/// As there.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
unsafe fn add(number: *mut u64, by: u64) {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    // SAFETY: the caller's promise.
    unsafe { AtomicU64::from_ptr(number) }.fetch_add(by, Relaxed);
}

/// Shuts a port; says whether it was open.
#[inline(always)]
pub fn shut(ifindex: u32, state: PortState) -> bool {
    let Some(port) = PORTS.get_ptr_mut(ifindex) else {
        return false;
    };
    // SAFETY: the element stays valid until this program's RCU section ends; the state is one octet,
    // which the loader writes only to open the port again.
    unsafe {
        let open = (*port).state == PortState::Forwarding as u8;
        (*port).state = state as u8;
        renew();
        open
    }
}
