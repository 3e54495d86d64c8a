//! ICMP and ICMPv6 echo: whether an address answers, and how large a packet reaches it unfragmented.

mod packet;
mod socket;

pub use packet::{Heard, Tag};
pub use socket::Echo;
