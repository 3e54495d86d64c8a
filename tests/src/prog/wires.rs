//! The interfaces of a world, with the neighbours that the FIB is to find.

use anyhow::Result;

use crate::{netns::Namespace, packet::Mac, topology::veth};

/// MAC addresses of the world.
pub mod mac {
    use super::Mac;

    /// A station behind `p1`.
    pub const C1: Mac = [0x02, 0, 0, 0, 0, 11];
    /// A station behind `p2`.
    pub const C2: Mac = [0x02, 0, 0, 0, 0, 12];
    /// A station behind the peer.
    pub const C3: Mac = [0x02, 0, 0, 0, 0, 13];
    /// The gateway.
    pub const GATEWAY: Mac = [0x02, 0, 0, 0, 0x03, 0x01];
    /// The uplink to the underlay.
    pub const UNDERLAY: Mac = [0x02, 0, 0, 0, 0xa0, 0x01];
    /// The peer.
    pub const PEER: Mac = [0x02, 0, 0, 0, 0xa0, 0x02];
    /// The uplink to the outside.
    pub const UPLINK: Mac = [0x02, 0, 0, 0, 0xb0, 0x01];
    /// The server outside.
    pub const SERVER: Mac = [0x02, 0, 0, 0, 0xb0, 0x64];
}

/// Ifindexes of a world.
#[derive(Clone, Debug)]
pub struct Wires {
    /// The namespace where the programs run.
    pub here: Namespace,
    /// The other ends of `p1`, `p2`, `up0` and `up1`, with the same names.
    pub far: Namespace,
    /// A port.
    pub p1: u32,
    /// Another port.
    pub p2: u32,
    /// The gateway device, 10.0.3.1/24; its one known neighbour is 10.0.3.11.
    pub gateway: u32,
    /// The network's end of the gateway's pair.
    pub gateway_port: u32,
    /// The uplink to the underlay, 172.31.0.1/24 and fd00:a0::1/64; the peers are .2 and ::2.
    pub underlay: u32,
    /// The uplink to the outside, 192.168.99.1/24; the server is .100.
    pub uplink: u32,
    /// The companion device.
    pub companion: u32,
}

impl Wires {
    /// Makes them.
    pub fn new() -> Result<Self> {
        let (here, far) = (Namespace::new("prog")?, Namespace::new("far")?);
        for name in ["p1", "p2", "up0", "up1"] {
            veth(&here, name, &far, name)?;
        }
        here.ip(DEVICES)?;
        for device in ["gw", "nfvx0"] {
            // bpf_fib_lookup answers only for an input device that forwards.
            here.sysctl(&format!("net/ipv4/conf/{device}/forwarding"), "1")?;
            here.sysctl(&format!("net/ipv6/conf/{device}/forwarding"), "1")?;
        }
        let index = |name: &str| here.ifindex(name);
        Ok(Self {
            p1: index("p1")?,
            p2: index("p2")?,
            gateway: index("gw")?,
            gateway_port: index("nfg")?,
            underlay: index("up0")?,
            uplink: index("up1")?,
            companion: index("nfvx0")?,
            here,
            far,
        })
    }
}

const DEVICES: &str = "\
link add gw type veth peer name nfg
link set gw address 02:00:00:00:03:01 up
link set nfg up
addr add 10.0.3.1/24 dev gw
link set up0 address 02:00:00:00:a0:01
addr add 172.31.0.1/24 dev up0
neigh add 172.31.0.2 lladdr 02:00:00:00:a0:02 dev up0 nud permanent
addr add fd00:a0::1/64 dev up0 nodad
neigh add fd00:a0::2 lladdr 02:00:00:00:a0:02 dev up0 nud permanent
link set up1 address 02:00:00:00:b0:01
addr add 192.168.99.1/24 dev up1
neigh add 192.168.99.100 lladdr 02:00:00:00:b0:64 dev up1 nud permanent
neigh add 10.0.3.11 lladdr 02:00:00:00:00:0b dev gw nud permanent
link add nfvx0 type vxlan external dstport 4789
link set nfvx0 up";
