//! The ends of pairs in other namespaces.

use nix::errno::Errno;

use crate::links::{Link, LinkError, Links, ethtool, netns::Netns};
use crate::observed::Inner;

/// The other end of `host` in the namespace that `wanted` gives, whatever its name is there now: who has
/// the namespace may call it otherwise. `None` where it is gone or somewhere else. That it could not be
/// looked at says nothing about it, and is an error.
pub(super) async fn end_of(host: &Link, wanted: &Inner) -> Result<Option<Inner>, LinkError> {
    let netns = match Netns::open(&wanted.netns) {
        Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(None),
        other => other?,
    };
    let (host, wanted) = (host.clone(), wanted.clone());
    netns.run(|links| read(links, host, wanted)).await
}

async fn read(links: Links, host: Link, wanted: Inner) -> Result<Option<Inner>, LinkError> {
    let list = links.list().await?;
    let Some(link) = list.into_iter().find(|link| link.is_other_end_of(&host)) else {
        return Ok(None);
    };
    let routes = links.default_routes(link.index).await?.into_iter();
    let routes = routes.filter(|route| route.ours || wanted.default_routes.contains(&route.via));
    let addresses = link.addresses.iter().filter(|address| address.global);
    let addresses = addresses.filter(|a| a.ours || wanted.addresses.contains(&a.net));
    Ok(Some(Inner {
        mac: link.mac,
        mtu: link.mtu,
        addresses: addresses.map(|address| address.net).collect(),
        default_routes: routes.map(|route| route.via).collect(),
        gro: ethtool::gro(&link.name)?,
        up: link.up,
        ..wanted
    }))
}
