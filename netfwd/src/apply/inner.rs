//! Setting the end of a pair that is in another namespace.

use nix::errno::Errno;

use crate::links::{Link, LinkError, Links, ethtool, netns::Netns};
use crate::observed::Inner;

/// Makes the other end of `host` as given, whatever its name is there now.
pub(super) async fn set(links: &Links, host: &str, inner: &Inner) -> Result<(), LinkError> {
    let absent = || LinkError::new(format!("find interface {host}"), Errno::ENODEV.into());
    let host = links.find(host).await?.ok_or_else(absent)?;
    let netns = Netns::open(&inner.netns)?;
    let inner = inner.clone();
    netns.run(|links| set_here(links, host, inner)).await
}

async fn set_here(links: Links, host: Link, inner: Inner) -> Result<(), LinkError> {
    let list = links.list().await?;
    let found = list.into_iter().find(|link| link.is_other_end_of(&host));
    let link = found.ok_or_else(|| {
        LinkError::new(
            format!("find interface {} in {}", inner.name, inner.netns),
            Errno::ENODEV.into(),
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
    ethtool::set_gro(&link.name, inner.gro)?;
    addresses(&links, &link, &inner).await?;
    routes(&links, &link, &inner).await
}

/// Of the addresses that are there, those that netfwd gave and that are not wanted any more go; others are
/// a DHCP client's, a router advertisement's or somebody's by hand, and stay.
async fn addresses(links: &Links, link: &Link, inner: &Inner) -> Result<(), LinkError> {
    let known = || link.addresses.iter().filter(|a| a.global);
    for old in known().filter(|a| a.ours && !inner.addresses.contains(&a.net)) {
        links.delete_address(link.index, old.net).await?;
    }
    for net in &inner.addresses {
        if !known().any(|have| have.net == *net) {
            links.add_address(link.index, *net).await?;
        }
    }
    Ok(())
}

/// The same of default routes.
async fn routes(links: &Links, link: &Link, inner: &Inner) -> Result<(), LinkError> {
    let known = links.default_routes(link.index).await?;
    let wanted = &inner.default_routes;
    for old in known.iter().filter(|r| r.ours && !wanted.contains(&r.via)) {
        links.delete_default_route(link.index, old.via).await?;
    }
    for via in wanted {
        if !known.iter().any(|have| have.via == *via) {
            links.set_default_route(link.index, *via).await?;
        }
    }
    Ok(())
}
