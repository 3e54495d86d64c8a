//! Removes all that an instance left behind, whether it was stopped, killed or never came up.

mod before;

pub use before::Before;

use std::{collections::BTreeSet, fs, io, path::Path};

use crate::dataplane::{DataplaneError, Pins};
use crate::ids::{Ids, Interface, Scope};
use crate::links::{Link, LinkError, Links, cookie};
use crate::naming;
use crate::runtime::{Runtime, Store};

/// What could not be removed. The rest is gone all the same.
#[derive(Debug, thiserror::Error)]
#[error("instance {instance} is not removed completely: {}; remove that by hand", .errors.join("; "))]
pub struct CleanupError {
    instance: String,
    errors: Vec<String>,
}

/// What becomes of the state of an instance whose data path is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It goes.
    Goes,
    /// What was added by command stays, for the next start. Numbers go: they name what was in the maps.
    Stays,
}

/// Removes attachments, devices, pins, sockets and, if so wanted, the state of an instance; goes on where
/// something fails. Returns what was removed. Devices are looked for in the current network namespace.
pub async fn cleanup(instance: &str, state: State) -> Result<Vec<String>, CleanupError> {
    let mut cleanup = Cleanup::default();
    cleanup.data_path(instance).await;
    match state {
        State::Goes => cleanup.directory(Store::of(instance).dir()),
        State::Stays => cleanup.numbers(&Store::of(instance)),
    }
    let run = |end| Path::new("/run/netfwd").join(format!("{instance}.{end}"));
    cleanup.file(&run("sock"));
    // Whoever cleans up has made it, if nobody had: it is nothing that was left behind.
    cleanup.quietly(&run("lock"));
    cleanup.done(instance)
}

#[derive(Default)]
struct Cleanup {
    /// What is not to be touched.
    spared: Before,
    removed: Vec<String>,
    errors: Vec<String>,
}

impl Cleanup {
    fn done(self, instance: &str) -> Result<Vec<String>, CleanupError> {
        if self.errors.is_empty() {
            return Ok(self.removed);
        }
        Err(CleanupError {
            instance: instance.to_owned(),
            errors: self.errors,
        })
    }

    /// Hooks, devices and pins, and the settings of interfaces.
    async fn data_path(&mut self, instance: &str) {
        match Links::open(instance) {
            Ok(links) => {
                self.hooks(&Pins::of(instance), &links).await;
                self.devices(instance, &links).await;
                self.promiscuous(instance, &links).await;
                self.groups(instance, &links).await;
            }
            Err(error) => self.errors.push(error.to_string()),
        }
        self.directory(Pins::of(instance).root());
    }

    /// The numbers of a state, and its folder where nothing else is in it.
    fn numbers(&mut self, store: &Store) {
        self.file(&store.ids_path());
        if store.runtime().is_ok_and(|had| had == Runtime::default()) {
            self.quietly(&store.runtime_path());
        }
        if let Err(error) = fs::remove_dir(store.dir()) {
            tracing::debug!("{}: {error}", store.dir().display());
        }
    }

    async fn hooks(&mut self, pins: &Pins, links: &Links) {
        match pins.detach_sockets() {
            Ok(true) => self
                .removed
                .push("programs on the sockets of this host".into()),
            Ok(false) => {}
            Err(error) => self.failed(&error),
        }
        let attached = match pins.attached() {
            Ok(attached) => attached,
            Err(error) => return self.errors.push(error.to_string()),
        };
        for (at, _) in attached {
            let what = format!("program on {} of {}", at.hook.name(), at.interface);
            match pins.detach(&at) {
                Ok(Some(ifindex)) => self.qdisc(links, &at.interface, ifindex).await,
                Ok(None) => {}
                Err(error) => {
                    self.failed(&error);
                    continue;
                }
            }
            self.removed.push(what);
        }
    }

    async fn qdisc(&mut self, links: &Links, interface: &str, ifindex: u32) {
        match links.delete_clsact(ifindex).await {
            Ok(()) => self.removed.push(format!("clsact qdisc of {interface}")),
            Err(error) => self.errors.push(error.to_string()),
        }
    }

    async fn devices(&mut self, instance: &str, links: &Links) {
        let list = match links.list().await {
            Ok(list) => list,
            Err(error) => return self.errors.push(error.to_string()),
        };
        // What was made and not marked yet when its maker was ended has a name that the ids tell.
        let ids = Store::of(instance).ids().unwrap_or_default();
        let begun = |link: &Link| link.alias.is_none() && is_derived(link, &ids);
        let made = |link: &&Link| link.is_made_by(instance) || begun(link);
        let spared = |link: &&Link| self.spared.devices.contains(&link.index);
        for link in list.iter().filter(made).filter(|link| !spared(link)) {
            // The other end of a pair goes with the first; deleting what is gone is no error.
            match links.delete(link.index).await {
                Ok(()) => self.removed.push(format!("interface {}", link.name)),
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    /// Switches off what netfwd switched on, under whatever name.
    async fn promiscuous(&mut self, instance: &str, links: &Links) {
        let ours = match Store::of(instance).ids() {
            Ok(ids) => &ids.promiscuous - &self.spared.promiscuous,
            Err(error) => return self.errors.push(error.to_string()),
        };
        let promiscuous = match promiscuous(links, &ours).await {
            Ok(promiscuous) => promiscuous,
            Err(error) => return self.errors.push(error.to_string()),
        };
        for link in promiscuous {
            match links.set_promiscuous(link.index, false).await {
                Ok(()) => {
                    let what = format!("promiscuous mode of {}", link.name);
                    self.removed.push(what);
                }
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    /// Leaves what netfwd joined.
    async fn groups(&mut self, instance: &str, links: &Links) {
        let groups = match Store::of(instance).ids() {
            Ok(ids) => &ids.groups - &self.spared.groups,
            // Said already, of the same file.
            Err(_) => return,
        };
        for (name, group) in groups {
            let done: Result<bool, LinkError> = async {
                let list = links.list().await?;
                let has = |link: &&Link| link.addresses.iter().any(|a| a.net.addr() == group);
                match list.iter().filter(|link| link.name == name).find(has) {
                    None => Ok(false),
                    Some(link) => links.leave_group(link.index, group).await.map(|()| true),
                }
            }
            .await;
            match done {
                Ok(true) => self.removed.push(format!("group {group} on {name}")),
                Ok(false) => {}
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    fn failed(&mut self, error: &DataplaneError) {
        self.errors.push(error.to_string());
    }

    fn directory(&mut self, path: &Path) {
        self.gone(path, fs::remove_dir_all(path));
    }

    fn file(&mut self, path: &Path) {
        self.gone(path, fs::remove_file(path));
    }

    fn quietly(&mut self, path: &Path) {
        let removed = self.removed.len();
        self.file(path);
        self.removed.truncate(removed);
    }

    fn gone(&mut self, path: &Path, done: io::Result<()>) {
        match done {
            Ok(()) => self.removed.push(path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.errors.push(format!("{}: {error}", path.display())),
        }
    }
}

/// The links of these that take frames for any MAC.
async fn promiscuous(links: &Links, of: &BTreeSet<Interface>) -> Result<Vec<Link>, LinkError> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let (netns, mut list) = (cookie::netns()?, links.list().await?);
    list.retain(|link| {
        let ifindex = link.index;
        link.promiscuous && of.contains(&Interface { netns, ifindex })
    });
    Ok(list)
}

/// Whether a link has a name that netfwd derives, and is of the kind that it makes.
fn is_derived(link: &Link, ids: &Ids) -> bool {
    let name = link.name.as_str();
    let is_end = name.starts_with("nfp") || name.starts_with("nfg");
    match link.kind.as_str() {
        "veth" => is_end && ids.has(Scope::Port, name),
        "vxlan" => naming::is_unmarked_companion(name, link.alias.as_deref()),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
