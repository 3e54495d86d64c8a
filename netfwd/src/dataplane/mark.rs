//! Marks of what the traffic control of an interface has of ours, where there is no link to pin: a directory
//! with one in it that is named after the interface's number and its network namespace's. An interface
//! keeps both when it is renamed, and one of the same name elsewhere has others.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::net::if_::if_indextoname;

use super::{Pin, Pins, attach::reason};
use crate::links::cookie;
use crate::observed::HookAt;

/// A mark, which may be absent.
pub(super) struct Mark(PathBuf);

/// Whose a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// The interface.
    pub(super) ifindex: u32,
    /// The number of its network namespace.
    netns: u64,
}

impl Marked {
    /// The name by now of an interface of this namespace; `None` where it is gone, or elsewhere.
    pub(super) fn interface(self) -> Option<String> {
        if cookie::netns().ok()? != self.netns {
            return None;
        }
        let name = if_indextoname(self.ifindex).ok()?.into_string().ok()?;
        (!name.is_empty()).then_some(name)
    }
}

impl Mark {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.is_dir()
    }

    /// Whose it is; `None` for one of an older netfwd, which has the name of the interface alone.
    pub(super) fn whose(&self) -> Option<Marked> {
        let mut entries = fs::read_dir(&self.0).ok()?.flatten();
        entries.find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (ifindex, netns) = name.split_once('-')?;
            let (ifindex, netns) = (ifindex.parse().ok()?, netns.parse().ok()?);
            Some(Marked { ifindex, netns })
        })
    }

    /// Marks for an interface of this namespace, and for no other any more.
    pub(super) fn set(&self, ifindex: u32) -> Result<(), String> {
        let netns = cookie::netns().map_err(reason)?;
        if self.whose() == Some(Marked { ifindex, netns }) {
            return Ok(());
        }
        self.remove()?;
        fs::create_dir_all(self.0.join(format!("{ifindex}-{netns}"))).map_err(reason)
    }

    pub(super) fn remove(&self) -> Result<(), String> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(reason(error)),
            _ => Ok(()),
        }
    }
}

impl Pins {
    /// The mark of our filter at a hook.
    pub(super) fn filter_mark(&self, at: &HookAt) -> Mark {
        Mark::at(self.link(at, Pin::Clsact))
    }

    /// The mark that the clsact qdisc of an interface was made by us.
    pub(super) fn qdisc_mark(&self, interface: &str) -> Mark {
        Mark::at(self.clsact(interface))
    }

    /// The interface whose traffic control has our filter, by ifindex, whatever its name is by now; `None`
    /// where it is gone, or its name alone is known.
    pub fn filtered(&self, at: &HookAt) -> Option<u32> {
        let marked = self.filter_mark(at).whose()?;
        marked.interface().map(|_| marked.ifindex)
    }
}
