//! Keys and values of the pinned maps.
//!
//! Every type is `repr(C)` without implicit padding: a padding octet that one side leaves
//! uninitialised would make a key that no lookup finds. Multi-octet numbers are in host order,
//! addresses and MACs in wire order.

mod config;
mod counters;
mod l2;
mod nat;
mod vxlan;

pub use config::{Config, ConfigFlags};
pub use counters::{Counters, DropKey};
pub use l2::{
    Deliver, FdbEntry, FdbFlags, FdbKey, FloodKey, FloodTarget, Network, NetworkFlags, Port,
    PortFlags,
};
pub use nat::{
    Publish, PublishKey, Session, SessionFlags, SessionKey, SessionKind, Subnet, SubnetKey, Uplink,
};
pub use vxlan::{Member, MemberKey, NextHop, Peer};

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

/// Declares a set of bits kept in an integer field, readable in a map dump as that integer.
macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $int:ty { $($(#[$bit_doc:meta])* $bit:ident = $value:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(transparent)]
        pub struct $name(pub $int);

        impl $name {
            $($(#[$bit_doc])* pub const $bit: Self = Self($value);)*

            /// Whether every bit of `other` is set.
            #[inline(always)]
            pub const fn has(self, other: Self) -> bool { self.0 & other.0 == other.0 }

            /// Both sets together.
            #[inline(always)]
            #[must_use]
            pub const fn with(self, other: Self) -> Self { Self(self.0 | other.0) }

            /// `other` added where `on`.
            #[inline(always)]
            #[must_use]
            pub const fn with_if(self, other: Self, on: bool) -> Self {
                if on { self.with(other) } else { self }
            }
        }
    };
}
pub(crate) use flags;
