//! Arguments, as the control socket takes them.

use super::args::Filter;
use super::objects::{
    FdbArgs, KindArg, NetworkCommand, PeerArgs, PortArgs, ProtoArg, PublishArgs, SessionArgs,
};
use crate::api::{FdbQuery, SessionQuery};
use crate::runtime::{FdbKind, FdbSpec, NetworkSpec, Object, PeerSpec, PortSpec, PublishSpec};

impl From<PortArgs> for Object {
    fn from(args: PortArgs) -> Self {
        Self::Port(PortSpec {
            network: Some(args.network),
            interface: args.interface,
            netns: args.netns,
            name: args.name,
            mac: args.mac,
            addresses: args.address,
            default_route: args.default_route,
            isolated: args.isolated,
        })
    }
}

impl From<PeerArgs> for Object {
    fn from(args: PeerArgs) -> Self {
        Self::Peer(PeerSpec {
            network: args.network,
            address: args.address,
        })
    }
}

impl From<FdbArgs> for Object {
    fn from(args: FdbArgs) -> Self {
        Self::Fdb(FdbSpec {
            network: args.network,
            mac: args.mac,
            port: args.port,
            peer: args.peer,
            kind: match (args.fixed, args.sticky) {
                (true, _) => FdbKind::Static,
                (_, true) => FdbKind::Sticky,
                _ => FdbKind::Learned,
            },
        })
    }
}

impl From<PublishArgs> for Object {
    fn from(args: PublishArgs) -> Self {
        Self::Publish(PublishSpec {
            listen: args.listen,
            to: Some(args.to),
            network: Some(args.network),
        })
    }
}

/// The network of an `add` or a `del`; none for `show`.
pub fn network(command: NetworkCommand) -> Option<NetworkSpec> {
    match command {
        NetworkCommand::Show(_) => None,
        NetworkCommand::Del { name } => Some(NetworkSpec {
            name,
            ..NetworkSpec::default()
        }),
        NetworkCommand::Add {
            name,
            vni,
            gateway,
            masquerade,
            peer,
            mtu,
        } => Some(NetworkSpec {
            name,
            vni,
            mtu,
            gateway,
            masquerade,
            peers: peer,
        }),
    }
}

impl From<Filter> for FdbQuery {
    fn from(filter: Filter) -> Self {
        Self {
            network: filter.network,
            port: filter.port,
            peer: filter.peer,
            mac: filter.mac,
        }
    }
}

impl From<&SessionArgs> for SessionQuery {
    fn from(args: &SessionArgs) -> Self {
        let kind = args.kind.map(|kind| match kind {
            KindArg::Masquerade => "masquerade",
            KindArg::Publish => "publish",
        });
        let proto = args.proto.map(|proto| match proto {
            ProtoArg::Tcp => "tcp",
            ProtoArg::Udp => "udp",
            ProtoArg::Icmp => "icmp",
        });
        Self {
            kind: kind.map(str::to_owned),
            proto: proto.map(str::to_owned),
            src: args.src,
            dst: args.dst,
        }
    }
}
