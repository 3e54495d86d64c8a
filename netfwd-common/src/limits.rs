//! Sizes that the loader and the programs must agree on.

/// Entries of the FDB over all networks.
pub const FDB_ENTRIES: usize = 1 << 20;
/// Ports of one instance.
pub const PORTS: usize = 4096;
/// Networks of one instance.
pub const NETWORKS: usize = 4096;
/// Uplinks of one instance.
pub const UPLINKS: usize = 64;
/// Peers of one instance.
pub const PEERS: usize = 16_384;
/// Memberships: a peer in a network.
pub const MEMBERS: usize = 65_536;
/// Flood targets over all networks.
pub const FLOOD_TARGETS: usize = 65_536;
/// Flood targets of one network; the loader refuses more.
pub const FLOOD_PER_NETWORK: u32 = 4096;
/// Addresses that VXLAN arrives at: VTEPs and multicast groups.
pub const VTEPS: usize = 4096;
/// UDP ports that VXLAN arrives at.
pub const VXLAN_PORTS: usize = 64;
/// Flood targets that one run of a program serves. A CPU's backlog takes `net.core.netdev_max_backlog`
/// frames, 1,000 by default, and drops the rest (net/core/dev.c, enqueue_to_backlog); and clones that wait
/// for long are no longer in the CPU's first cache when they are served: as many as one poll of the backlog takes.
pub const FLOOD_AT_ONCE: u32 = 64;
/// Masqueraded subnets.
pub const SUBNETS: usize = 4096;
/// Published listeners; a range takes one entry a port.
pub const PUBLISHES: usize = 65_536;
/// Addresses of this host on its uplinks and gateways.
pub const LOCAL_ADDRESSES: usize = 16_384;
/// Targets over all publishes.
pub const TARGETS: usize = 65_536;
/// Targets of one publish.
pub const TARGETS_PER_PUBLISH: u16 = 64;
/// Entries of floating addresses, two each.
pub const FLOATINGS: usize = 8192;
/// Outside addresses that are answered for.
pub const EXTERNALS: usize = 16_384;
/// Pairs of networks that are treated otherwise than the rest.
pub const PAIRS: usize = 65_536;
/// Session entries where the configuration names no number; a session takes two, one for each direction.
pub const SESSION_ENTRIES: usize = 1 << 19;
/// Most sessions that the configuration may ask for.
pub const SESSIONS_MAX: u32 = 1 << 20;
/// Least sessions that the configuration may ask for.
pub const SESSIONS_MIN: u32 = 1 << 8;
/// Mapping entries where the configuration names no number of sessions; a mapping takes two, and no
/// session has more than one.
pub const MAPPING_ENTRIES: usize = SESSION_ENTRIES;
/// Redirected sockets of this host's processes that are remembered, the least recently used forgotten.
pub const SOCKETS: usize = 1 << 15;
/// Datagrams whose fragments are followed.
pub const FRAGMENTED: usize = 4096;
/// Counter slots: networks and uplinks each have one, ports and peers one in each of their networks.
pub const SLOTS: usize = 32_768;
/// Drop counters: pairs of slot and reason.
pub const DROP_COUNTERS: usize = 65_536;
/// Candidates that a masquerade tries before it says that its l4 ports are exhausted.
pub const PORT_TRIES: u32 = 128;
/// Those of them that keep the parity of the inside's l4 port.
pub const PARITY_TRIES: u32 = PORT_TRIES / 2;
/// A map entry is stamped again only when its stamp is older than this, so that a busy flow does not
/// write one cache line from every CPU.
pub const STAMP_INTERVAL_NS: u64 = 1_000_000_000;
/// How long a next hop is used before the FIB is asked again.
pub const NEXT_HOP_TTL_NS: u64 = 1_000_000_000;
/// Tags on the wires of all ports.
pub const VLANS: usize = 65_536;
/// Neighbours over all networks.
pub const NEIGHBOURS: usize = 1 << 17;
/// Memberships in multicast groups, over all networks.
pub const GROUPS: usize = 1 << 16;
/// Bindings over all ports.
pub const BINDINGS: usize = 1 << 16;
/// Octets of the ring buffer of events; a power of two and whole pages.
pub const EVENT_BYTES: usize = 1 << 20;
/// Moves within [`FLAP_WINDOW_NS`] of one another that make a station flap.
pub const FLAP_MOVES: u8 = 5;
/// A move this long after the last begins a new count.
pub const FLAP_WINDOW_NS: u64 = 1_000_000_000;
/// How long a flapping station is held where it was.
pub const FLAP_HOLD_NS: u64 = 10_000_000_000;
/// How far ahead of its rate a port may flood: a tenth of a second's frames at once, and the tick of
/// the clock that measures it is well below.
pub const STORM_BURST_NS: u64 = 100_000_000;
/// How long a member of a multicast group is one without another report (RFC 3376 §8.4).
pub const GROUP_MEMBER_NS: u64 = 260_000_000_000;
/// How long a multicast router or querier is one without another query (RFC 3376 §8.5).
pub const GROUP_QUERIER_NS: u64 = 255_000_000_000;
/// Within which a querier's first query is answered (RFC 3376 §8.3).
pub const GROUP_RESPONSE_NS: u64 = 10_000_000_000;
/// How long a member stays one that has left, or that a query asks for (RFC 3376 §8.10).
pub const GROUP_LEAVE_NS: u64 = 2_000_000_000;
/// Layout version of the pinned maps; an instance whose maps have another one is not adopted.
pub const LAYOUT: u32 = 5;
/// What VXLAN adds to a frame over IPv4: Ethernet, IPv4, UDP, VXLAN (RFC 7348 §5).
pub const ENCAP_V4: usize = 14 + 20 + 8 + 8;
/// The same over IPv6.
pub const ENCAP_V6: usize = ENCAP_V4 + 20;
/// What the underlay's MTU loses to VXLAN over IPv4: the inner Ethernet header and the outer IPv4,
/// UDP and VXLAN headers.
pub const MTU_OVERHEAD_V4: u32 = 50;
/// The same over IPv6.
pub const MTU_OVERHEAD_V6: u32 = MTU_OVERHEAD_V4 + 20;
/// Least places of each memory of frames' ways, on each CPU, and what the programs take for their number where the
/// loader does not name one.
pub const PLACES_MIN: u32 = 1 << 12;
/// Most places of each of them.
pub const PLACES_MAX: u32 = 1 << 16;
/// Octets that all of them may take, on all CPUs that the machine may have, where there are more than the least.
pub const PLACES_BYTES: usize = 32 << 20;
