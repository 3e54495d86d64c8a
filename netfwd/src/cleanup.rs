//! Removes all that an instance left behind, whether it was stopped, killed or never came up.

use std::{fs, io, path::Path};

use crate::dataplane::{DataplaneError, Pins};
use crate::links::{Link, LinkError, Links};
use crate::runtime::Store;

/// What could not be removed. The rest is gone all the same.
#[derive(Debug, thiserror::Error)]
#[error("instance {instance} is not removed completely: {}; remove that by hand", .errors.join("; "))]
pub struct CleanupError {
    instance: String,
    errors: Vec<String>,
}

/// Removes attachments, devices, pins, state and sockets of an instance; goes on where something
/// fails. Returns what was removed. Devices are looked for in the current network namespace.
pub async fn cleanup(instance: &str) -> Result<Vec<String>, CleanupError> {
    let mut cleanup = Cleanup::default();
    match Links::open(instance) {
        Ok(links) => {
            cleanup.hooks(&Pins::of(instance), &links).await;
            cleanup.devices(instance, &links).await;
            cleanup.promiscuous(instance, &links).await;
            cleanup.groups(instance, &links).await;
        }
        Err(error) => cleanup.errors.push(error.to_string()),
    }
    cleanup.directory(Pins::of(instance).root());
    cleanup.directory(Store::of(instance).dir());
    for end in ["sock", "lock"] {
        cleanup.file(
            Path::new("/run/netfwd")
                .join(format!("{instance}.{end}"))
                .as_path(),
        );
    }
    if cleanup.errors.is_empty() {
        return Ok(cleanup.removed);
    }
    Err(CleanupError {
        instance: instance.to_owned(),
        errors: cleanup.errors,
    })
}

#[derive(Default)]
struct Cleanup {
    removed: Vec<String>,
    errors: Vec<String>,
}

impl Cleanup {
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
                Ok(true) => self.qdisc(links, &at.interface).await,
                Ok(false) => {}
                Err(error) => {
                    self.failed(&error);
                    continue;
                }
            }
            self.removed.push(what);
        }
    }

    async fn qdisc(&mut self, links: &Links, interface: &str) {
        let removed: Result<(), LinkError> = async {
            match links.find(interface).await? {
                Some(link) => links.delete_clsact(link.index).await,
                None => Ok(()),
            }
        }
        .await;
        match removed {
            Ok(()) => self.removed.push(format!("clsact qdisc of {interface}")),
            Err(error) => self.errors.push(error.to_string()),
        }
    }

    async fn devices(&mut self, instance: &str, links: &Links) {
        let list = match links.list().await {
            Ok(list) => list,
            Err(error) => return self.errors.push(error.to_string()),
        };
        for link in list.iter().filter(|link| link.is_made_by(instance)) {
            // The other end of a pair goes with the first; deleting what is gone is no error.
            match links.delete(link.index).await {
                Ok(()) => self.removed.push(format!("interface {}", link.name)),
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    /// Switches off what netfwd switched on.
    async fn promiscuous(&mut self, instance: &str, links: &Links) {
        let names = match Store::of(instance).ids() {
            Ok(ids) => ids.promiscuous,
            Err(error) => return self.errors.push(error.to_string()),
        };
        for name in names {
            let done: Result<bool, LinkError> = async {
                match links.find(&name).await? {
                    Some(link) if link.promiscuous => {
                        links.set_promiscuous(link.index, false).await?;
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            }
            .await;
            match done {
                Ok(true) => self.removed.push(format!("promiscuous mode of {name}")),
                Ok(false) => {}
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    /// Leaves what netfwd joined.
    async fn groups(&mut self, instance: &str, links: &Links) {
        let groups = match Store::of(instance).ids() {
            Ok(ids) => ids.groups,
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

    fn gone(&mut self, path: &Path, done: io::Result<()>) {
        match done {
            Ok(()) => self.removed.push(path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.errors.push(format!("{}: {error}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apply::apply,
        dataplane::{Dataplane, LoadOptions},
        desired::Attach,
        observed::{Hook, HookAt, Program},
        plan::{Action, PairPeer},
        sandbox::in_new_netns,
    };

    #[test]
    fn exactly_what_was_made_is_removed() {
        in_new_netns(|links| async move {
            let options = LoadOptions {
                no_tcx: true,
                ..LoadOptions::default()
            };
            let mut dataplane = Dataplane::open("test", &options).expect("it loads");
            let pair = Action::CreatePair {
                name: "gw0".into(),
                mtu: 1500,
                peer: PairPeer::Here("nfg1".into()),
            };
            apply(&mut dataplane, &links, &[pair])
                .await
                .expect("applied");
            let attach = Action::Attach {
                at: HookAt::new("lo", Hook::Ingress),
                ifindex: 1,
                attach: Attach::tc(Program::UplinkIngress),
            };
            apply(&mut dataplane, &links, &[attach])
                .await
                .expect("applied");
            let removed = cleanup("test").await.expect("all gone");
            for what in [
                "ingress of lo",
                "qdisc of lo",
                "interface gw0",
                "/sys/fs/bpf/netfwd/test",
            ] {
                assert!(
                    removed.iter().any(|r| r.contains(what)),
                    "{what} in {removed:?}"
                );
            }
            let names: Vec<String> = links
                .list()
                .await
                .expect("a list")
                .into_iter()
                .map(|l| l.name)
                .collect();
            assert_eq!(names, ["lo"]);
            assert_eq!(
                cleanup("test").await.expect("nothing left"),
                Vec::<String>::new()
            );
        });
    }
}
