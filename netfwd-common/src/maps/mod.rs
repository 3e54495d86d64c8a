//! Keys and values of the pinned maps.
//!
//! Every type is `repr(C)` without implicit padding: a padding octet that one side leaves
//! uninitialised would make a key that no lookup finds. Multi-octet numbers are in host order,
//! addresses and MACs in wire order.

mod config;
mod counters;
mod event;
mod express;
mod fdb;
mod flood;
mod fragment;
mod multicast;
mod nat;
mod neighbour;
mod network;
mod port;
mod session;
mod socket;
mod stage;
mod vxlan;

pub use config::{Config, ConfigFlags, Timeouts};
pub use counters::{Counters, DropKey};
pub use event::{Event, EventKind, Opened};
pub use express::{Arrival, Crossing, Epoch, Express, Terms, Wrap};
pub use fdb::{FdbEntry, FdbFlags, FdbKey, Learned};
pub use flood::{FloodKey, FloodTarget};
pub use fragment::{Fragment, FragmentKey, FragmentKind, Held, HeldState};
pub use multicast::{Group, GroupKey};
pub use nat::{
    Floating, FloatingKey, PairKey, Publish, PublishFlags, PublishKey, Subnet, SubnetKey, Target,
    TargetFlags, TargetKey, Uplink,
};
pub use neighbour::{Neighbour, NeighbourFlags, NeighbourKey};
pub use network::{Network, NetworkFlags};
pub use port::{BindingKey, BindingKind, Deliver, Port, PortFlags, PortState, Vlan, VlanKey};
pub use session::{
    Mapping, MappingFlags, MappingKey, Session, SessionFlags, SessionKey, SessionKind,
};
pub use socket::{SocketKey, SocketPeer};
pub use stage::Stage;
pub use vxlan::{Member, MemberKey, NextHop, Peer, PeerFlags, Vtep, VtepFlags};

/// Asserts that a map type has no padding: its size is the sum of its fields, given here, and marks
/// it as plain data for aya in the loader.
macro_rules! plain {
    ($type:ty, $size:literal) => {
        const _: () = assert!(core::mem::size_of::<$type>() == $size);
        // SAFETY: `repr(C)`, made of integers and arrays of them, without padding by the assertion.
        #[cfg(feature = "user")]
        unsafe impl aya::Pod for $type {}
    };
}
pub(crate) use plain;

/// Declares a set of bits kept in an integer field; a map dump shows it as `{"bits": N}`.
macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $int:ty { $($(#[$bit_doc:meta])* $bit:ident = $value:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name {
            /// The bits that are set.
            pub bits: $int,
        }

        impl $name {
            $($(#[$bit_doc])* pub const $bit: Self = Self { bits: $value };)*

            /// Whether every bit of `other` is set.
            #[inline(always)]
            pub const fn has(self, other: Self) -> bool {
                self.bits & other.bits == other.bits
            }

            /// Whether any bit of `other` is set.
            #[inline(always)]
            pub const fn has_any(self, other: Self) -> bool {
                self.bits & other.bits != 0
            }

            /// Both sets together.
            #[inline(always)]
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self { bits: self.bits | other.bits }
            }

            /// `other` added where `on`.
            #[inline(always)]
            #[must_use]
            pub const fn with_if(self, other: Self, on: bool) -> Self {
                if on { self.with(other) } else { self }
            }

            /// This set less the bits of `other`.
            #[inline(always)]
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self { bits: self.bits & !other.bits }
            }
        }
    };
}
pub(crate) use flags;
