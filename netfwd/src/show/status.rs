//! `status`: what is attached where, and why so.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ShowError;
use crate::dataplane::{Features, Pins};
use crate::ids::{Ids, Scope};
use crate::links::{Link, LinkError, ethtool, netns};
use crate::observe;
use crate::observed::{Attached, Hook, HookAt, Mode};
use crate::runtime::Store;

/// What a table shows of a hook; JSON has the rest.
pub const HOOK_COLUMNS: &[&str] = &["interface", "hook", "program", "mode", "why"];

/// A hook of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookRow {
    /// The interface.
    pub interface: String,
    /// Its number; `None` where it is gone.
    pub ifindex: Option<u32>,
    /// The UDP port of a companion; `None` for any other interface.
    pub l4_port: Option<u16>,
    /// `ingress`, `egress` or `xdp`.
    pub hook: &'static str,
    /// The program there.
    pub program: Option<&'static str>,
    /// The mode in force: `tcx`, `clsact`, `xdp-native`, `xdp-generic`; `None` for none.
    pub mode: Option<&'static str>,
    /// Why this mode.
    pub why: String,
}

/// What is attached in this network namespace, and its interfaces.
pub(super) struct Hooks {
    pub(super) links: Vec<Link>,
    attached: BTreeMap<HookAt, Attached>,
}

impl Hooks {
    /// What is attached to a hook now; what is left of an interface that is gone is not.
    pub(super) fn of(&self, interface: &str, hook: Hook) -> Option<&Attached> {
        let attached = self.attached.get(&HookAt::new(interface, hook))?;
        (attached.ifindex != 0).then_some(attached)
    }

    fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }
}

/// Reads what is attached.
pub(super) fn hooks(instance: &str) -> Result<Hooks, ShowError> {
    let pins = Pins::existing(instance)?;
    let pinned = pins.attached()?;
    let (wanted, marks) = (pinned.clone(), pins.clone());
    let (links, seen) = netns::here_blocking(move |links| async move {
        let list = links.list().await?;
        let mut seen = Vec::new();
        for (at, pin) in &wanted {
            seen.push(observe::seen(&links, &list, (at, *pin), &marks).await?);
        }
        Ok::<_, LinkError>((list, seen))
    })?;
    let attached = pinned
        .into_iter()
        .zip(seen)
        .filter_map(|((at, pin), seen)| {
            let attached = pins.attachment(&at, pin, seen)?;
            Some((at, attached))
        });
    Ok(Hooks {
        attached: attached.collect(),
        links,
    })
}

/// The hooks of an instance, and of each uplink without XDP why it has none.
pub fn status(instance: &str) -> Result<Vec<HookRow>, ShowError> {
    let hooks = hooks(instance)?;
    let features = Features::probe();
    let mut rows: Vec<HookRow> = hooks
        .attached
        .iter()
        .map(|(at, attached)| row(at, *attached, hooks.link(&at.interface), features))
        .collect();
    rows.extend(without_xdp(&Store::of(instance).ids()?, &hooks));
    rows.sort_by(|a, b| (&a.interface, a.hook).cmp(&(&b.interface, b.hook)));
    Ok(rows)
}

fn row(at: &HookAt, attached: Attached, link: Option<&Link>, features: Features) -> HookRow {
    let live = attached.ifindex != 0;
    let l4_port = link.and_then(|link| Some(link.vxlan?.port));
    let why = match l4_port {
        _ if !live => GONE.to_owned(),
        None => reason(attached.mode, features).to_owned(),
        Some(port) => format!("UDP port {port}; {}", reason(attached.mode, features)),
    };
    HookRow {
        interface: at.interface.clone(),
        ifindex: live.then_some(attached.ifindex),
        l4_port,
        hook: at.hook.name(),
        program: Some(attached.program.name()),
        mode: live.then(|| attached.mode.name()),
        why,
    }
}

/// The hook that the host's own processes go through to published ports and floating addresses; `None` where nothing
/// is published.
pub fn sockets(instance: &str) -> Option<&'static str> {
    Pins::of(instance).has_sockets().then_some("cgroup")
}

const GONE: &str = "the interface is gone, or in another network namespace than this command";

const fn reason(mode: Mode, features: Features) -> &'static str {
    match mode {
        Mode::Tcx => "the kernel has TCX",
        Mode::Clsact if features.tcx => "attached before the kernel had TCX",
        Mode::Clsact => "the kernel has no TCX (Linux 6.6 brings it)",
        Mode::XdpNative => "the driver takes XDP programs",
        Mode::XdpGeneric => "the configuration asks for it",
    }
}

fn without_xdp<'a>(ids: &'a Ids, hooks: &'a Hooks) -> impl Iterator<Item = HookRow> + 'a {
    let uplinks = ids.slots(Scope::Uplink).keys();
    let without = uplinks.filter(|uplink| hooks.of(uplink, Hook::Xdp).is_none());
    without.map(|uplink| HookRow {
        interface: uplink.clone(),
        ifindex: hooks.link(uplink).map(|link| link.index),
        l4_port: None,
        hook: Hook::Xdp.name(),
        program: None,
        mode: None,
        why: match ethtool::driver(uplink) {
            Ok(driver) => format!("not asked for, or not taken by driver {driver}"),
            Err(error) => error.to_string(),
        },
    })
}
