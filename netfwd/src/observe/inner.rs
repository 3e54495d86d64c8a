//! The ends of pairs in other namespaces.

use crate::links::{self, LinkError, Links, ethtool, netns::Netns};
use crate::observed::Inner;

/// The other end of `host` in the namespace and under the name that `wanted` gives; `None` where
/// there is none, or where that name belongs to something else.
pub(super) async fn end_of(host: &links::Link, wanted: &Inner) -> Option<Inner> {
    let netns = Netns::open(&wanted.netns).ok()?;
    let (name, index) = (wanted.name.clone(), host.peer_index);
    let found = netns
        .run(|links| read(links, name))
        .await
        .inspect_err(|error| tracing::warn!("{error}"))
        .ok()??;
    let (link, mut inner) = found;
    inner.netns.clone_from(&wanted.netns);
    let other_end = Some(link.index) == index && link.peer_index == Some(host.index);
    other_end.then_some(inner)
}

async fn read(links: Links, name: String) -> Result<Option<(links::Link, Inner)>, LinkError> {
    let list = links.list().await?;
    let Some(link) = list.into_iter().find(|link| link.name == name) else {
        return Ok(None);
    };
    let global = link.addresses.iter().filter(|address| address.global);
    let inner = Inner {
        netns: String::new(),
        mac: link.mac,
        mtu: link.mtu,
        addresses: global.map(|address| address.net).collect(),
        default_routes: links
            .default_routes(link.index)
            .await?
            .into_iter()
            .collect(),
        gro: ethtool::gro(&name)?,
        up: link.up,
        name,
    };
    Ok(Some((link, inner)))
}
