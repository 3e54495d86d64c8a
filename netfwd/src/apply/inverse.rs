//! What undoes a step, found before it is executed.

use super::{entries, steps};
use crate::dataplane::Dataplane;
use crate::desired::Attach;
use crate::links::{Link, Links, sysctl};
use crate::observe;
use crate::observed::{Attached, HookAt, Mode};
use crate::plan::{Action, Entry};

/// The step that undoes `action`, where one can: a deleted device, a flushed table or a replaced
/// program does not come back.
pub(super) async fn of(dataplane: &Dataplane, links: &Links, action: &Action) -> Option<Action> {
    match action {
        Action::CreatePair { name, .. }
        | Action::CreateCompanion { name, .. }
        | Action::CreateTap { name, .. } => Some(Action::DeleteLink { name: name.clone() }),
        Action::SetMac { name, .. }
        | Action::SetMtu { name, .. }
        | Action::SetSysctl { name, .. } => {
            let link = steps::link(links, name).await.ok()?;
            setting(&link, action)
        }
        Action::SetPromiscuous { ifindex, on } => Some(Action::SetPromiscuous {
            ifindex: *ifindex,
            on: !on,
        }),
        Action::AddAddress { name, address } => Some(Action::RemoveAddress {
            name: name.clone(),
            address: *address,
        }),
        Action::RemoveAddress { name, address } => Some(Action::AddAddress {
            name: name.clone(),
            address: *address,
        }),
        Action::JoinGroup { name, group } => Some(Action::LeaveGroup {
            name: name.clone(),
            group: *group,
        }),
        Action::LeaveGroup { name, group } => Some(Action::JoinGroup {
            name: name.clone(),
            group: *group,
        }),
        Action::AddNeighbour(neighbour) => Some(Action::RemoveNeighbour(neighbour.clone())),
        Action::RemoveNeighbour(neighbour) => Some(Action::AddNeighbour(neighbour.clone())),
        Action::Attach { at, .. } => match attached(dataplane, links, at).await {
            None => Some(Action::Detach { at: at.clone() }),
            Some(_) => None,
        },
        Action::Detach { at } => Some(again(at, attached(dataplane, links, at).await?)),
        Action::Put(entry) => put(dataplane, entry),
        Action::Delete(key) => entries::get(dataplane.maps(), key)
            .ok()
            .flatten()
            .map(Action::Put),
        _ => None,
    }
}

fn setting(link: &Link, action: &Action) -> Option<Action> {
    let name = link.name.clone();
    Some(match action {
        Action::SetMac { .. } => Action::SetMac {
            name,
            mac: link.mac?,
        },
        Action::SetMtu { .. } => Action::SetMtu {
            name,
            mtu: link.mtu,
        },
        Action::SetSysctl { sysctl, .. } => Action::SetSysctl {
            sysctl: *sysctl,
            value: sysctl::read(*sysctl, &name)?.parse().ok()?,
            name,
        },
        _ => return None,
    })
}

fn put(dataplane: &Dataplane, entry: &Entry) -> Option<Action> {
    let maps = dataplane.maps();
    let Some(key) = entries::key_of(entry) else {
        let config = maps.config().ok()??;
        return Some(Action::Put(Entry::Config(config)));
    };
    match entries::get(maps, &key).ok()? {
        Some(old) => Some(Action::Put(old)),
        None => Some(Action::Delete(key)),
    }
}

async fn attached(dataplane: &Dataplane, links: &Links, at: &HookAt) -> Option<Attached> {
    let pin = dataplane.pins().pinned(at)?;
    let link = links.find(&at.interface).await.ok()??;
    let seen = observe::seen(links, &[link], (at, pin), dataplane.pins())
        .await
        .ok()?;
    let attached = dataplane.attachment(at, pin, seen)?;
    (attached.ifindex != 0).then_some(attached)
}

fn again(at: &HookAt, attached: Attached) -> Action {
    Action::Attach {
        at: at.clone(),
        ifindex: attached.ifindex,
        attach: Attach {
            program: attached.program,
            generic: attached.mode == Mode::XdpGeneric,
            required: true,
        },
    }
}
