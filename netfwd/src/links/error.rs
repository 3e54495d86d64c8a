//! What can go wrong with an interface.

use std::borrow::Cow;
use std::io;

use nix::errno::Errno;
use nix::net::if_::if_indextoname;

/// What went wrong with an interface: what was tried, the kernel's reason, and what helps.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}; {remedy}")]
pub struct LinkError {
    /// What was tried, with the object's name, as it follows "cannot".
    pub what: String,
    /// The kernel's reason.
    #[source]
    pub source: io::Error,
    /// What to do about it.
    remedy: Cow<'static, str>,
}

impl LinkError {
    /// An error about `what` with the reason `source`; what helps follows from the reason.
    pub fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self {
            what: what.into(),
            remedy: remedy(&source).into(),
            source,
        }
    }

    /// The same with another remedy, where the reason has one of its own here.
    #[must_use]
    pub fn helped_by(self, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self {
            remedy: remedy.into(),
            ..self
        }
    }

    /// The kernel's error number, where there is one.
    pub fn errno(&self) -> Option<Errno> {
        self.source.raw_os_error().map(Errno::from_raw)
    }
}

/// What usually helps against an error of the kernel's.
fn remedy(source: &io::Error) -> &'static str {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => "run netfwd as root",
        Some(Errno::EEXIST) => "remove what has that name, or choose another one",
        Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOENT | Errno::ESRCH) => {
            "look whether it is still there, and make it again"
        }
        Some(Errno::EBUSY) => "end what holds it, and try again",
        Some(Errno::EMFILE | Errno::ENFILE) => {
            "allow more open files (`LimitNOFILE=` of the service, or `ulimit -n`)"
        }
        Some(Errno::EAGAIN) => "allow more tasks (`TasksMax=` of the service), or try again",
        Some(Errno::ENOMEM | Errno::ENOBUFS) => "free memory, and try again",
        Some(Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT) => {
            "`netfwd check` tells what this kernel lacks"
        }
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH) => {
            "give the interface an address in the gateway's subnet"
        }
        Some(Errno::EINVAL | Errno::ERANGE) => {
            "correct the value, which the kernel's log (`dmesg`) may say more of"
        }
        _ => "look into the kernel's log (`dmesg`), and run `netfwd check`",
    }
}

/// An interface of the calling thread's namespace as a sentence names it.
pub(super) fn interface(index: u32) -> String {
    let name = if_indextoname(index).ok();
    match name.and_then(|name| name.into_string().ok()) {
        // The C library's answer for none may be an empty name.
        Some(name) if !name.is_empty() => format!("interface {name}"),
        _ => format!("interface {index} (gone)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::tests::{end, named};
    use crate::sandbox::in_new_netns;

    #[test]
    fn a_sentence_names_object_reason_and_remedy() {
        in_new_netns(|links| async move {
            let (one, other) = (end("nfp1"), end("eth0"));
            links.add_veth(&one, &other, None).await.expect("a pair");
            let index = named(&links, "nfp1").await.index;
            let sentence = |done: Result<(), LinkError>| done.expect_err("refused").to_string();
            assert_eq!(
                sentence(links.set_mtu(index, 7).await),
                "cannot set the MTU of interface nfp1 to 7: Invalid argument (os error 22); \
                 correct the value, which the kernel's log (`dmesg`) may say more of"
            );
            assert_eq!(
                sentence(links.set_up(99, true).await),
                "cannot set interface 99 (gone) up: No such device (os error 19); \
                 look whether it is still there, and make it again"
            );
            assert_eq!(
                sentence(links.add_veth(&end("nfp2"), &other, None).await),
                "cannot make veth pair nfp2 – eth0: File exists (os error 17); remove what has \
                 that name, or choose another one"
            );
        });
    }
}
