//! What can go wrong with the data path.

use std::{io, path::PathBuf};

use crate::observed::Hook;

/// Why the data path could not be loaded, changed or read.
#[derive(Debug, thiserror::Error)]
pub enum DataplaneError {
    /// Loading and reading take privileges.
    #[error("netfwd needs root to load programs and to read maps; run it as root or with sudo")]
    NotRoot,
    /// The kernel is too old, or built without something.
    #[error("this kernel lacks {0}, which netfwd needs; Linux 6.1 or newer with BPF has it")]
    Missing(&'static str),
    /// There is nowhere to pin.
    #[error("cannot mount a BPF file system at {path}: {source}; mount one there by hand")]
    Bpffs {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A directory for pins cannot be made, read or removed.
    #[error(
        "cannot use {path}: {source}; run netfwd as root, with a BPF file system that can be written at /sys/fs/bpf"
    )]
    Pin {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The instance has never run, or was cleaned up.
    #[error(
        "instance {instance} has no maps in {path}; start it with `netfwd -N {instance} run` or \
         name another with -N"
    )]
    NoInstance {
        /// The instance.
        instance: String,
        /// Where its maps would be.
        path: PathBuf,
    },
    /// The pinned maps are another version's.
    #[error(
        "the pinned maps of instance {instance} have another layout than this netfwd; remove them \
         with `netfwd -N {instance} cleanup --keep-state`, which keeps what was added by command, and \
         start again"
    )]
    Layout {
        /// The instance.
        instance: String,
    },
    /// The object does not load.
    #[error(
        "cannot load the BPF object: {0}; `netfwd check` tells what this kernel lacks, and its log (`dmesg`) if memory is short"
    )]
    Object(#[from] aya::EbpfError),
    /// The kernel refuses a program.
    #[error("the kernel refuses program {program}: {why}; run with -v for the verifier's log")]
    Program {
        /// Which.
        program: &'static str,
        /// Why.
        why: String,
    },
    /// No program can be attached to the sockets of the host's processes.
    #[error(
        "processes of this host itself do not reach published ports and floating addresses: {why}; {remedy}"
    )]
    Sockets {
        /// Why not.
        why: String,
        /// What helps.
        remedy: &'static str,
    },
    /// A map cannot be read or written.
    #[error(
        "cannot {what} map {map}: {source}; look with `bpftool map` whether it is there and has room, and start netfwd again, which makes what is missing"
    )]
    Map {
        /// What was tried.
        what: &'static str,
        /// Which map.
        map: &'static str,
        /// Why not.
        #[source]
        source: aya::maps::MapError,
    },
    /// A program cannot be attached or detached.
    #[error(
        "cannot {what} {} of interface {interface}: {why}; `netfwd check` tells what each interface takes, and `bpftool net` what is attached",
        hook.name()
    )]
    Hook {
        /// What was tried: "attach to", "detach from".
        what: &'static str,
        /// The interface.
        interface: String,
        /// The hook.
        hook: Hook,
        /// Why not.
        why: String,
    },
}
