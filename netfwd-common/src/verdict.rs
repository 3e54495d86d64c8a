//! Verdicts and drop reasons: one numbered list that the data path, the CLI and the metrics share.

/// Declares [`DropReason`] with its stable number, its name as users read it, and what it means.
macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// Why a frame was dropped. Numbers are stable: never reused, never renumbered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum DropReason { $($(#[$doc])* $variant = $number,)* }

        impl DropReason {
            /// Every reason, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name as the CLI and the metrics show it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The reason with this number, if there is one.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

drop_reasons! {
    /// The frame ends before a header that it announces, or a length field disagrees with it.
    Malformed = 1, "malformed";
    /// The source MAC is a group address or all zero.
    SourceMac = 2, "source-mac";
    /// The source MAC is the gateway's of the network, from somebody else.
    SourceSpoofed = 3, "source-spoofed";
    /// The destination is behind the port that the frame came from.
    SamePort = 4, "same-port";
    /// The destination is unknown and the network does not flood unknown unicast.
    UnknownUnicast = 5, "unknown-unicast";
    /// An isolated port sent to an isolated port.
    Isolated = 6, "isolated";
    /// The network of the port or VNI does not exist (any more).
    NoNetwork = 7, "no-network";
    /// VXLAN whose VNI belongs to no network here.
    UnknownVni = 8, "unknown-vni";
    /// VXLAN from an address that is no peer of the network.
    UnknownPeer = 9, "unknown-peer";
    /// VXLAN without the I flag (RFC 7348 §5).
    VxlanFlags = 10, "vxlan-flags";
    /// From a peer to a peer: split horizon.
    SplitHorizon = 11, "split-horizon";
    /// The frame does not fit the network's or the next hop's MTU.
    TooBig = 12, "too-big";
    /// Encapsulation failed in the kernel.
    EncapFailed = 13, "encap-failed";
    /// Decapsulation failed in the kernel.
    DecapFailed = 14, "decap-failed";
    /// A clone or redirect failed in the kernel.
    RedirectFailed = 15, "redirect-failed";
    /// A fragment that takes the l4 header apart: the first has not all of it, or a later one overwrites it.
    Fragment = 16, "fragment";
    /// A packet left a masqueraded network with a protocol that masquerade does not translate.
    NatProtocol = 17, "nat-protocol";
    /// No free l4 port was found on the outside address.
    NatPortsExhausted = 18, "nat-ports-exhausted";
    /// The session table is full; established sessions are kept.
    SessionTableFull = 19, "session-table-full";
    /// A packet could not be rewritten.
    RewriteFailed = 20, "rewrite-failed";
    /// Nothing was left to send the frame to.
    NoTarget = 21, "no-target";
    /// A frame from a peer with this network's gateway as its source.
    GatewayFromPeer = 22, "gateway-from-peer";
    /// A frame for a link-local group (01:80:C2:00:00:0X) came over the overlay.
    LinkLocal = 23, "link-local";
    /// The reply of a new session would be taken for another one's.
    SessionConflict = 24, "session-conflict";
    /// The frame's VLAN is not allowed on its port or does not exist in its network.
    Vlan = 25, "vlan";
    /// The source MAC is not one that the port may use.
    SpoofedMac = 26, "spoofed-mac";
    /// ARP or ND names an address or a MAC that the port may not use.
    SpoofedArp = 27, "spoofed-arp";
    /// The source IP address is not one that the port may use.
    SpoofedIp = 28, "spoofed-ip";
    /// The answer of a DHCP server, or a router advertisement, from a port that is no server.
    Server = 29, "server";
    /// The port is shut.
    PortShut = 30, "port-shut";
    /// The port has flooded as much as it may in this second.
    StormControl = 31, "storm-control";
    /// The station moves to and fro too fast, and is held at another port.
    Flapping = 32, "flapping";
    /// ARP or ND that must not leave this host, with nobody here to take it.
    Suppressed = 33, "suppressed";
    /// A stage's program is not in place.
    NoStage = 34, "no-stage";
    /// VXLAN that did not come in by an uplink, or that somebody inside sends to a peer.
    Injected = 35, "injected";
    /// VXLAN with reserved bits set, where the instance is strict.
    VxlanReserved = 36, "vxlan-reserved";
    /// The outer header says congestion, and the inner sender could not be told (RFC 6040 §4.2).
    Ecn = 37, "ecn";
    /// The source address is another network's or this host's, or the masqueraded inside's on an uplink.
    ReversePath = 38, "reverse-path";
    /// Packets of this network must not reach that network's stations.
    RoutingDenied = 39, "routing-denied";
    /// From outside to an l4 port that a station was given, by somebody it has not sent to.
    NatFiltered = 40, "nat-filtered";
    /// A fragment whose first did not come, or that there was no room to wait with.
    FragmentLost = 41, "fragment-lost";
    /// An ICMP error about a packet that no session has sent, or that could not be read.
    IcmpUnrelated = 42, "icmp-unrelated";
    /// The targets of a publish do not answer.
    TargetDown = 43, "target-down";
    /// The packet has made as many hops as it may; its sender was told.
    TimeExceeded = 44, "time-exceeded";
}

impl DropReason {
    /// The stable number, as maps and logs hold it.
    pub const fn number(self) -> u32 {
        self as u32
    }
}
