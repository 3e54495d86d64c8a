//! Arguments, as the control socket takes them.

use super::Failed;
use super::args::Filter;
use super::objects::{FdbArgs, PeerArgs};
use crate::api::{FdbQuery, NeighQuery};
use crate::runtime::{FdbKind, FdbSpec, Object, PeerSpec};

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
            vlan: args.vlan,
            kind: match (args.fixed, args.sticky) {
                (true, _) => FdbKind::Static,
                (_, true) => FdbKind::Sticky,
                _ => FdbKind::Learned,
            },
        })
    }
}

/// Which FDB entries to flush.
pub fn stations(filter: Filter) -> Result<FdbQuery, Failed> {
    a_mac(&filter)?;
    Ok(FdbQuery {
        network: filter.network,
        port: filter.port,
        peer: filter.peer,
        mac: filter.mac,
        vlan: filter.vlan,
    })
}

/// Refuses a MAC that is none: without a daemon, too.
fn a_mac(filter: &Filter) -> Result<(), Failed> {
    let mac = filter.mac.clone().map(|mac| FdbSpec {
        mac,
        ..FdbSpec::default()
    });
    mac.map_or(Ok(()), |spec| Ok(spec.station().map(drop)?))
}

/// Which neighbours to flush. Those of peers are told by their MAC.
pub fn neighbours(filter: Filter) -> Result<NeighQuery, Failed> {
    a_mac(&filter)?;
    if filter.peer.is_some() {
        return Err(Failed {
            sentence: "--peer does not apply here; leave it out".to_owned(),
            code: 2,
        });
    }
    Ok(NeighQuery {
        network: filter.network,
        port: filter.port,
        mac: filter.mac,
        vlan: filter.vlan,
    })
}
