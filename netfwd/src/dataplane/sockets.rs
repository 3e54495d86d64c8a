//! The programs on the sockets of this host's own processes.

use std::{
    fs::{self, File},
    io,
};

use aya::{
    Ebpf,
    programs::{CgroupAttachMode, CgroupSockAddr, ProgramError, links::FdLink},
};

use super::{
    Dataplane, DataplaneError, Pins,
    attach::{reason, remove_pin},
    cgroup, programs,
};

/// The programs, by what processes call.
const PROGRAMS: [(&str, &str); 8] = [
    ("connect4", "sock_connect4"),
    ("connect6", "sock_connect6"),
    ("sendmsg4", "sock_sendmsg4"),
    ("sendmsg6", "sock_sendmsg6"),
    ("recvmsg4", "sock_recvmsg4"),
    ("recvmsg6", "sock_recvmsg6"),
    ("getpeername4", "sock_getpeername4"),
    ("getpeername6", "sock_getpeername6"),
];

/// Whether the host's own processes are redirected.
#[derive(Debug, Default)]
pub(super) enum Sockets {
    /// It was not tried by this process.
    #[default]
    Unknown,
    /// They are, by programs of this process.
    Attached,
    /// They need not be.
    Detached,
    /// They cannot be, for this reason.
    Refused(String),
}

impl Dataplane {
    /// Has published ports and floating addresses serve the host's own processes, or no longer. What
    /// the kernel refuses is noted: the rest of the data path works without.
    pub fn serve_host(&mut self, wanted: bool) {
        match (&self.sockets, wanted) {
            (Sockets::Attached | Sockets::Refused(_), true) | (Sockets::Detached, false) => return,
            _ => {}
        }
        let done = if wanted {
            attach(&mut self.ebpf, &self.pins).map(|()| Sockets::Attached)
        } else {
            self.pins.detach_sockets().map(|_| Sockets::Detached)
        };
        self.sockets = done.unwrap_or_else(|error| {
            let error = error.to_string();
            tracing::warn!("{error}");
            Sockets::Refused(error)
        });
    }

    /// Why the host's own processes do not reach what is published, where they should.
    pub fn host_refusal(&self) -> Option<&str> {
        match &self.sockets {
            Sockets::Refused(why) => Some(why),
            _ => None,
        }
    }
}

/// Attaches every program; all or none.
fn attach(ebpf: &mut Ebpf, pins: &Pins) -> Result<(), DataplaneError> {
    let root = cgroup::root().ok_or_else(|| nowhere("there is no cgroup2 file system"))?;
    let root = File::open(&root).map_err(|e| nowhere(format!("{}: {e}", root.display())))?;
    let attached = PROGRAMS.iter().try_for_each(|(call, name)| {
        let program = loaded(ebpf, name)?;
        let done = attach_one(program, pins, &root, call);
        done.map_err(|why| nowhere(format!("{name}: {why}")))
    });
    if attached.is_err() {
        // Its own failure would say less than the first.
        let _ = pins.detach_sockets();
    }
    attached
}

/// A program that the kernel has.
fn loaded<'ebpf>(
    ebpf: &'ebpf mut Ebpf,
    name: &str,
) -> Result<&'ebpf mut CgroupSockAddr, DataplaneError> {
    let program = ebpf.program_mut(name).ok_or(ProgramError::NotLoaded);
    let load = |program: &'ebpf mut CgroupSockAddr| {
        if program.fd().is_err() {
            program.load()?;
        }
        Ok(program)
    };
    let done = program.and_then(TryInto::try_into).and_then(load);
    done.map_err(|error| DataplaneError::Sockets {
        why: format!(
            "the kernel refuses program {name}: {}",
            programs::why(name, error)
        ),
        remedy: "run with -v for the verifier's log",
    })
}

/// Attaches a program, and then lets go of the one that an earlier process attached. For that long both
/// run, and the second finds nothing left to do: a target is no listener.
fn attach_one(
    program: &mut CgroupSockAddr,
    pins: &Pins,
    root: &File,
    call: &str,
) -> Result<(), String> {
    // A link always stands beside others, and takes no flag that says so (kernel/bpf/cgroup.c,
    // cgroup_bpf_link_attach).
    let id = program.attach(root, CgroupAttachMode::Single);
    let link = program.take_link(id.map_err(reason)?).map_err(reason)?;
    let (next, pin) = (pins.socket(&format!("{call}-next")), pins.socket(call));
    remove_pin(&next)?;
    let link = FdLink::try_from(link).map_err(reason)?;
    link.pin(&next).map_err(reason)?;
    fs::rename(&next, &pin).map_err(reason)
}

impl Pins {
    /// Detaches the programs from the sockets; says whether any was attached.
    pub fn detach_sockets(&self) -> Result<bool, DataplaneError> {
        let mut any = false;
        for (call, _) in PROGRAMS {
            let path = self.socket(call);
            match fs::remove_file(&path) {
                Ok(()) => any = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(DataplaneError::Pin { path, source }),
            }
        }
        Ok(any)
    }

    /// Whether the programs are attached to the sockets.
    pub fn has_sockets(&self) -> bool {
        PROGRAMS.iter().all(|(call, _)| self.socket(call).exists())
    }
}

fn nowhere(why: impl Into<String>) -> DataplaneError {
    DataplaneError::Sockets {
        why: why.into(),
        remedy: "mount cgroup2 at /sys/fs/cgroup, on a kernel with CONFIG_CGROUP_BPF, and start again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::LoadOptions;
    use crate::sandbox::in_new_netns;

    #[test]
    fn a_program_that_is_refused_is_no_missing_mount() {
        in_new_netns(|_| async {
            let opened = Dataplane::open("test.sockets", &LoadOptions::default());
            let mut dataplane = opened.expect("the object loads");
            // Not one that goes on a socket.
            let refused = loaded(&mut dataplane.ebpf, "port_ingress").expect_err("refused");
            let sentence = refused.to_string();
            let remedy = "; run with -v for the verifier's log";
            assert!(
                sentence.contains("the kernel refuses program port_ingress"),
                "{sentence}"
            );
            assert!(
                sentence.ends_with(remedy) && !sentence.contains("cgroup2"),
                "{sentence}"
            );
        });
        assert!(
            nowhere("it is not there")
                .to_string()
                .contains("mount cgroup2")
        );
    }
}
