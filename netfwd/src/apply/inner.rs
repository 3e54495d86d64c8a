//! Setting the end of a pair that is in another namespace.

use crate::links::{Link, LinkError, Links, ethtool, netns::Netns};
use crate::observed::Inner;

/// Makes the inner end as given.
pub(super) async fn set(inner: &Inner) -> Result<(), LinkError> {
    let netns = Netns::open(&inner.netns)?;
    let inner = inner.clone();
    netns.run(|links| set_here(links, inner)).await
}

async fn set_here(links: Links, inner: Inner) -> Result<(), LinkError> {
    let list = links.list().await?;
    let found = list.into_iter().find(|link| link.name == inner.name);
    let link = found.ok_or_else(|| {
        LinkError::new(
            format!("find interface {} in {}", inner.name, inner.netns),
            nix::errno::Errno::ENODEV.into(),
        )
    })?;
    if let Some(mac) = inner.mac.filter(|mac| link.mac != Some(*mac)) {
        links.set_mac(link.index, mac).await?;
    }
    if link.mtu != inner.mtu {
        links.set_mtu(link.index, inner.mtu).await?;
    }
    if link.up != inner.up {
        links.set_up(link.index, inner.up).await?;
    }
    ethtool::set_gro(&inner.name, inner.gro)?;
    addresses(&links, &link, &inner).await?;
    routes(&links, &link, &inner).await
}

async fn addresses(links: &Links, link: &Link, inner: &Inner) -> Result<(), LinkError> {
    let known = || link.addresses.iter().filter(|a| a.global).map(|a| a.net);
    for net in known().filter(|net| !inner.addresses.contains(net)) {
        links.delete_address(link.index, net).await?;
    }
    for net in &inner.addresses {
        if !known().any(|have| have == *net) {
            links.add_address(link.index, *net).await?;
        }
    }
    Ok(())
}

async fn routes(links: &Links, link: &Link, inner: &Inner) -> Result<(), LinkError> {
    let known = links.default_routes(link.index).await?;
    for via in known
        .iter()
        .filter(|via| !inner.default_routes.contains(via))
    {
        links.delete_default_route(link.index, *via).await?;
    }
    for via in inner
        .default_routes
        .iter()
        .filter(|via| !known.contains(via))
    {
        links.set_default_route(link.index, *via).await?;
    }
    Ok(())
}
