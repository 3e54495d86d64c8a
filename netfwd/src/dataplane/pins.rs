//! Where an instance is pinned.
//!
//! ```text
//! /sys/fs/bpf/netfwd/NAME/maps/MAP
//! /sys/fs/bpf/netfwd/NAME/links/INTERFACE:HOOK       a pinned TCX or XDP link
//! /sys/fs/bpf/netfwd/NAME/links/INTERFACE:HOOK       a directory: a filter of the clsact qdisc
//! /sys/fs/bpf/netfwd/NAME/links/INTERFACE:clsact     a directory: the qdisc is ours, too
//!                                        …/IFINDEX-NETNS  in either: of which interface
//! ```
//!
//! A BPF file system refuses names with dots (kernel/bpf/inode.c, `bpf_lookup`), and the kernel
//! refuses interface names with colons (`dev_valid_name`): so a colon separates, and a dot in a name
//! is written as two of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MsFlags, mount},
    sys::statfs::{FsType, statfs},
};

use super::DataplaneError;
use crate::observed::{Hook, HookAt};

/// Where BPF file systems are mounted by convention.
const BPFFS: &str = "/sys/fs/bpf";
/// include/uapi/linux/magic.h.
const BPF_FS_MAGIC: FsType = FsType(0xcafe_4a11);

/// How something is attached, as far as its pin tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// A TCX link.
    Tcx,
    /// A filter of the clsact qdisc.
    Clsact,
    /// An XDP link in the driver.
    XdpNative,
    /// An XDP link in the stack.
    XdpGeneric,
}

impl Pin {
    fn suffix(self, hook: Hook) -> &'static str {
        match self {
            // A link keeps its mode for life, and does not tell it: the pin's name does.
            Self::XdpGeneric => "xdp-generic",
            _ => hook.name(),
        }
    }

    fn parse(suffix: &str, is_dir: bool) -> Option<(Hook, Self)> {
        let tc = if is_dir { Self::Clsact } else { Self::Tcx };
        match suffix {
            "ingress" => Some((Hook::Ingress, tc)),
            "egress" => Some((Hook::Egress, tc)),
            "xdp" => Some((Hook::Xdp, Self::XdpNative)),
            "xdp-generic" => Some((Hook::Xdp, Self::XdpGeneric)),
            _ => None,
        }
    }
}

/// The pins of one instance.
#[derive(Clone, Debug)]
pub struct Pins {
    instance: String,
    root: PathBuf,
}

impl Pins {
    /// The pins of an instance, which need not exist.
    pub fn of(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            root: Path::new(BPFFS).join("netfwd").join(encode(instance)),
        }
    }

    /// The pins of an instance that has run.
    pub fn existing(instance: &str) -> Result<Self, DataplaneError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(DataplaneError::NotRoot);
        }
        let (pins, instance) = (Self::of(instance), instance.to_owned());
        let path = pins.maps();
        if path.exists() {
            Ok(pins)
        } else {
            Err(DataplaneError::NoInstance { instance, path })
        }
    }

    /// The pins of an instance, their directories made and the file system mounted as needed.
    pub(super) fn create(instance: &str) -> Result<Self, DataplaneError> {
        mount_bpffs()?;
        let pins = Self::of(instance);
        for path in [pins.maps(), pins.links()] {
            fs::create_dir_all(&path).map_err(|source| DataplaneError::Pin { path, source })?;
        }
        Ok(pins)
    }

    /// Whether there is a file system to pin in.
    pub fn mounted() -> bool {
        statfs(BPFFS).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC)
    }

    /// The instance.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// All of them.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the maps.
    pub fn maps(&self) -> PathBuf {
        self.root.join("maps")
    }

    /// The pin of a map.
    pub fn map(&self, name: &str) -> PathBuf {
        self.maps().join(name)
    }

    fn links(&self) -> PathBuf {
        self.root.join("links")
    }

    /// The pin of what is attached to a hook.
    pub(super) fn link(&self, at: &HookAt, pin: Pin) -> PathBuf {
        let name = format!("{}:{}", encode(&at.interface), pin.suffix(at.hook));
        self.links().join(name)
    }

    /// The pin of the program on what processes call on their sockets.
    pub(super) fn socket(&self, call: &str) -> PathBuf {
        self.links().join(format!("sockets:{call}"))
    }

    /// The mark that the clsact qdisc of an interface was made by us.
    pub(super) fn clsact(&self, interface: &str) -> PathBuf {
        self.links().join(format!("{}:clsact", encode(interface)))
    }

    /// How something is pinned for a hook, if it is.
    pub fn pinned(&self, at: &HookAt) -> Option<Pin> {
        let tc = [(Pin::Tcx, false), (Pin::Clsact, true)];
        let xdp = [(Pin::XdpNative, false), (Pin::XdpGeneric, false)];
        let candidates = if at.hook == Hook::Xdp { xdp } else { tc };
        let found = candidates.into_iter().find(|(pin, is_dir)| {
            fs::metadata(self.link(at, *pin)).is_ok_and(|meta| meta.is_dir() == *is_dir)
        });
        found.map(|(pin, _)| pin)
    }

    /// What is pinned, by hook.
    pub fn attached(&self) -> Result<Vec<(HookAt, Pin)>, DataplaneError> {
        let path = self.links();
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(DataplaneError::Pin { path, source }),
        };
        Ok(entries.flatten().filter_map(|e| parse(&e)).collect())
    }
}

fn parse(entry: &fs::DirEntry) -> Option<(HookAt, Pin)> {
    let name = entry.file_name().into_string().ok()?;
    let (interface, suffix) = name.rsplit_once(':')?;
    let (hook, pin) = Pin::parse(suffix, entry.file_type().ok()?.is_dir())?;
    Some((HookAt::new(&decode(interface), hook), pin))
}

fn encode(name: &str) -> String {
    name.replace('.', "::")
}

fn decode(name: &str) -> String {
    name.replace("::", ".")
}

fn mount_bpffs() -> Result<(), DataplaneError> {
    if Pins::mounted() {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("bpf"), BPFFS, Some("bpf"), flags, Some("mode=0700")).map_err(|errno| {
        DataplaneError::Bpffs {
            path: BPFFS.into(),
            source: errno.into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_survive() {
        for name in ["eth0", "eth0.10", "a.b.", "."] {
            let encoded = encode(name);
            assert!(!encoded.contains('.'));
            assert_eq!(decode(&encoded), name);
            let pin = format!("{encoded}:ingress");
            let (interface, hook) = pin.rsplit_once(':').expect("a colon");
            assert_eq!((decode(interface).as_str(), hook), (name, "ingress"));
        }
    }

    #[test]
    fn a_pin_tells_hook_and_mode() {
        let of = |pin: Pin, hook| Pin::parse(pin.suffix(hook), pin == Pin::Clsact);
        assert_eq!(of(Pin::Tcx, Hook::Egress), Some((Hook::Egress, Pin::Tcx)));
        assert_eq!(
            of(Pin::Clsact, Hook::Ingress),
            Some((Hook::Ingress, Pin::Clsact))
        );
        assert_eq!(
            of(Pin::XdpNative, Hook::Xdp),
            Some((Hook::Xdp, Pin::XdpNative))
        );
        assert_eq!(
            of(Pin::XdpGeneric, Hook::Xdp),
            Some((Hook::Xdp, Pin::XdpGeneric))
        );
        assert_eq!(Pin::parse("clsact", true), None);
    }
}
