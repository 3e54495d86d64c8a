//! One step of a plan.

use nix::errno::Errno;

use super::{ApplyError, entries, flush, inner};
use crate::config::TapKind;
use crate::dataplane::Dataplane;
use crate::desired::Attach;
use crate::links::{Link, LinkError, Links, netns::Netns, sysctl, veth::VethEnd};
use crate::observed::{HookAt, Neighbour};
use crate::plan::{Action, PairPeer};

/// Executes one step.
pub(super) async fn execute(
    dataplane: &mut Dataplane,
    links: &Links,
    action: &Action,
) -> Result<(), ApplyError> {
    tracing::debug!("{action:?}");
    match action {
        Action::Attach {
            at,
            ifindex,
            attach,
        } => try_attach(dataplane, at, *ifindex, *attach),
        Action::Detach { at } => detach(dataplane, links, at).await,
        Action::Put(entry) => Ok(entries::put(dataplane.maps_mut(), entry)?),
        Action::Delete(key) => Ok(entries::delete(dataplane.maps_mut(), key)?),
        Action::FlushFdb(filter) => {
            flush::flush_fdb(dataplane.maps_mut(), filter)?;
            Ok(())
        }
        Action::FlushNeighbours(filter) => {
            Ok(flush::flush_neighbours(dataplane.maps_mut(), filter)?)
        }
        Action::EndSessions(ended) => Ok(flush::end_sessions(dataplane.maps_mut(), ended)?),
        Action::ZeroSlot(slot) => Ok(dataplane.maps_mut().zero(*slot)?),
        _ => Ok(on_links(links, action).await?),
    }
}

async fn on_links(links: &Links, action: &Action) -> Result<(), LinkError> {
    match action {
        Action::CreatePair { name, mtu, peer } => create_pair(links, name, *mtu, peer).await,
        Action::CreateCompanion {
            name,
            port,
            source_ports,
        } => create_companion(links, name, *port, *source_ports).await,
        Action::CreateTap { name, kind } => create_tap(links, name, *kind).await,
        Action::DeleteLink { name } => delete(links, name).await,
        Action::SetMac { name, mac } => links.set_mac(index(links, name).await?, *mac).await,
        Action::SetMtu { name, mtu } => links.set_mtu(index(links, name).await?, *mtu).await,
        Action::SetUp { name } => links.set_up(index(links, name).await?, true).await,
        Action::SetPromiscuous { ifindex, on } => {
            match links.set_promiscuous(*ifindex, *on).await {
                Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(()),
                other => other,
            }
        }
        Action::JoinGroup { name, group } => {
            links.join_group(index(links, name).await?, *group).await
        }
        Action::LeaveGroup { name, group } => match links.find(name).await? {
            None => Ok(()),
            Some(link) => links.leave_group(link.index, *group).await,
        },
        Action::AddAddress { name, address } => {
            links.add_address(index(links, name).await?, *address).await
        }
        Action::RemoveAddress { name, address } => {
            let index = index(links, name).await?;
            links.delete_address(index, *address).await
        }
        Action::SetSysctl {
            name,
            sysctl,
            value,
        } => sysctl::write(*sysctl, name, *value),
        Action::SetInner { host, inner } => inner::set(links, host, inner).await,
        Action::AddNeighbour(neighbour) => add_neighbour(links, neighbour).await,
        Action::RemoveNeighbour(neighbour) => remove_neighbour(links, neighbour).await,
        _ => Ok(()),
    }
}

async fn create_pair(
    links: &Links,
    name: &str,
    mtu: u32,
    peer: &PairPeer,
) -> Result<(), LinkError> {
    let end = |name: &str| VethEnd {
        name: name.to_owned(),
        mac: None,
        mtu,
    };
    match peer {
        PairPeer::Here(other) => {
            links.add_veth(&end(name), &end(other), None).await?;
            // The network's end is a port: the host's stack has no business on it.
            let index = index(links, other).await?;
            links.set_no_ipv6_address(index).await
        }
        PairPeer::Into { netns, name: other } => {
            let netns = Netns::open(netns)?;
            links
                .add_veth(&end(name), &end(other), Some(&netns))
                .await?;
            let index = index(links, name).await?;
            links.set_no_ipv6_address(index).await
        }
    }
}

async fn create_companion(
    links: &Links,
    name: &str,
    port: u16,
    source_ports: (u16, u16),
) -> Result<(), LinkError> {
    let index = links.add_companion(name, port, source_ports).await?;
    links.set_no_ipv6_address(index).await
}

async fn create_tap(links: &Links, name: &str, kind: TapKind) -> Result<(), LinkError> {
    let (multi_queue, vnet_header) = (kind.multi_queue, kind.vnet_header);
    let index = links
        .create_tap(name, multi_queue, vnet_header, kind.owner)
        .await?;
    links.set_no_ipv6_address(index).await
}

async fn delete(links: &Links, name: &str) -> Result<(), LinkError> {
    match links.find(name).await? {
        // The other end of a pair went with the first.
        None => Ok(()),
        Some(link) => links.delete(link.index).await,
    }
}

async fn add_neighbour(links: &Links, neighbour: &Neighbour) -> Result<(), LinkError> {
    let index = index(links, &neighbour.interface).await?;
    match neighbour.mac {
        Some(mac) => {
            links
                .set_permanent_neighbour(index, neighbour.address, mac)
                .await
        }
        None => links.set_managed_neighbour(index, neighbour.address).await,
    }
}

async fn remove_neighbour(links: &Links, neighbour: &Neighbour) -> Result<(), LinkError> {
    match links.find(&neighbour.interface).await? {
        None => Ok(()),
        Some(link) => links.delete_neighbour(link.index, neighbour.address).await,
    }
}

/// Attaches; an optional program that is refused is noted instead.
fn try_attach(
    dataplane: &mut Dataplane,
    at: &HookAt,
    ifindex: u32,
    attach: Attach,
) -> Result<(), ApplyError> {
    match dataplane.attach(at, ifindex, attach) {
        Err(error) if !attach.required => {
            dataplane.note_refused(at.clone(), ifindex, &error);
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}

async fn detach(dataplane: &mut Dataplane, links: &Links, at: &HookAt) -> Result<(), ApplyError> {
    if let Some(ifindex) = dataplane.detach(at)? {
        links.delete_clsact(ifindex).await?;
    }
    Ok(())
}

async fn index(links: &Links, name: &str) -> Result<u32, LinkError> {
    Ok(link(links, name).await?.index)
}

pub(super) async fn link(links: &Links, name: &str) -> Result<Link, LinkError> {
    let found = links.find(name).await?;
    found.ok_or_else(|| LinkError::new(format!("find interface {name}"), Errno::ENODEV.into()))
}
