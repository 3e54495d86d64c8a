//! Attaching, replacing and detaching programs.

use std::{
    fs, io,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use aya::programs::{
    LinkOrder, ProgramError, TcAttachType, XdpMode,
    links::{FdLink, PinnedLink},
    tc::{NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle, qdisc_add_clsact},
    xdp::XdpLink,
};
use nix::{errno::Errno, net::if_::if_nametoindex};

use super::{
    Dataplane, DataplaneError, Pin, Pins, detach::remove_filter, linked::linked, programs,
};
use crate::{
    desired::Attach,
    observed::{Hook, HookAt},
};

/// Where our filters stand on kernels without TCX: fixed, so that a restart finds them.
pub const FILTER_PRIORITY: u16 = 49;
/// The handle of our filters.
pub const FILTER_HANDLE: u32 = 1;

impl Dataplane {
    /// Attaches a program, or replaces the one that is attached already without a gap. `ifindex`
    /// guards against an interface that was exchanged under its name.
    pub fn attach(
        &mut self,
        at: &HookAt,
        ifindex: u32,
        attach: Attach,
    ) -> Result<Pin, DataplaneError> {
        same_interface(at, ifindex)?;
        let pin = self.pin_for(at.hook, attach);
        let done = match pin {
            Pin::Tcx => self.attach_tcx(at, ifindex, attach),
            Pin::Clsact => self.attach_clsact(at, ifindex, attach),
            Pin::XdpNative | Pin::XdpGeneric => self.attach_xdp(at, ifindex, attach, pin),
        };
        done.map_err(|why| failed("attach to", at, why))?;
        same_interface(at, ifindex)?;
        Ok(pin)
    }

    fn pin_for(&self, hook: Hook, attach: Attach) -> Pin {
        match hook {
            Hook::Xdp if attach.generic => Pin::XdpGeneric,
            Hook::Xdp => Pin::XdpNative,
            _ if self.features.tcx => Pin::Tcx,
            _ => Pin::Clsact,
        }
    }

    fn attach_tcx(&mut self, at: &HookAt, ifindex: u32, attach: Attach) -> Result<(), String> {
        remove_filter(&self.pins, at)?;
        let pin = self.pins.link(at, Pin::Tcx);
        let program = programs::classifier(&mut self.ebpf, attach.program).map_err(reason)?;
        if linked(&pin).is_some_and(|old| old.ifindex == ifindex) {
            let old = FdLink::from(PinnedLink::from_pin(&pin).map_err(reason)?);
            let link = SchedClassifierLink::try_from(old).map_err(reason)?;
            let id = program.attach_to_link(link).map_err(reason)?;
            // The pin alone holds the link: a descriptor kept here would outlive a detach.
            drop(program.take_link(id).map_err(reason)?);
            return Ok(());
        }
        remove_pin(&pin)?;
        let order = || TcAttachOptions::TcxOrder(LinkOrder::default());
        let side = side(at.hook);
        let id = match program.attach_with_options(&at.interface, side, order()) {
            Err(error) if errno(&error) == Some(Errno::EEXIST) => {
                self.pins.let_go(at.hook, ifindex)?;
                attach_once_free(|| program.attach_with_options(&at.interface, side, order()))
            }
            other => other,
        };
        let id = id.map_err(reason)?;
        let link = program.take_link(id).map_err(reason)?;
        let link = FdLink::try_from(link).map_err(reason)?;
        link.pin(&pin).map_err(reason)?;
        Ok(())
    }

    fn attach_clsact(&mut self, at: &HookAt, ifindex: u32, attach: Attach) -> Result<(), String> {
        let program = programs::classifier(&mut self.ebpf, attach.program).map_err(reason)?;
        match qdisc_add_clsact(&at.interface) {
            Ok(()) => self.pins.qdisc_mark(&at.interface).set(ifindex)?,
            Err(TcError::NetlinkError(error)) if error.raw_os_error() == Some(EEXIST) => {}
            Err(error) => return Err(reason(error)),
        }
        // Replacing needs a filter to replace, creating needs that there is none: whichever holds.
        let id = match program.attach_to_link(filter(&at.interface, at.hook).map_err(reason)?) {
            Err(error) if errno(&error) == Some(Errno::ENOENT) => {
                let options = TcAttachOptions::Netlink(NlOptions {
                    priority: FILTER_PRIORITY,
                    handle: TcHandle::from(FILTER_HANDLE),
                    classid: None,
                });
                program.attach_with_options(&at.interface, side(at.hook), options)
            }
            other => other,
        };
        let link = program.take_link(id.map_err(reason)?).map_err(reason)?;
        // The filter outlives the process; a dropped link would take it away.
        std::mem::forget(link);
        self.pins.filter_mark(at).set(ifindex)
    }

    fn attach_xdp(
        &mut self,
        at: &HookAt,
        ifindex: u32,
        attach: Attach,
        pin: Pin,
    ) -> Result<(), String> {
        let path = self.pins.link(at, pin);
        let program = programs::xdp(&mut self.ebpf, attach.program).map_err(reason)?;
        if linked(&path).is_some_and(|old| old.ifindex == ifindex) {
            let old = FdLink::from(PinnedLink::from_pin(&path).map_err(reason)?);
            let link = XdpLink::try_from(old).map_err(reason)?;
            let id = program.attach_to_link(link).map_err(reason)?;
            return program.take_link(id).map(drop).map_err(reason);
        }
        // The interface that it was attached to is gone, or has another name by now.
        remove_pin(&path)?;
        remove_pin(&self.pins.link(at, other_xdp(pin)))?;
        self.pins.let_go(at.hook, ifindex)?;
        let mode = match pin {
            Pin::XdpGeneric => XdpMode::Skb,
            _ => XdpMode::Driver,
        };
        let id = attach_once_free(|| program.attach_to_if_index(ifindex, mode)).map_err(reason)?;
        let link = program.take_link(id).map_err(reason)?;
        // aya falls back to an attachment without a link when the kernel refuses one with EINVAL.
        // It could be neither pinned nor replaced, so it is no success.
        let link = FdLink::try_from(link)
            .map_err(|_| "the driver takes XDP programs only without a link".to_owned())?;
        link.pin(&path).map_err(reason)?;
        Ok(())
    }
}

const EEXIST: i32 = Errno::EEXIST as i32;

impl Pins {
    /// Lets go of an interface that something is attached to by the name which it had before: it takes no program
    /// twice, and one of XDP. What has that name now is attached anew when its turn comes.
    fn let_go(&self, hook: Hook, ifindex: u32) -> Result<(), String> {
        for (at, pin) in self.attached().map_err(reason)? {
            let path = self.link(&at, pin);
            if at.hook == hook && linked(&path).is_some_and(|old| old.ifindex == ifindex) {
                remove_pin(&path)?;
            }
        }
        Ok(())
    }
}

pub(super) fn filter(interface: &str, hook: Hook) -> io::Result<SchedClassifierLink> {
    let handle = TcHandle::from(FILTER_HANDLE);
    SchedClassifierLink::attached(interface, side(hook), FILTER_PRIORITY, handle, None)
}

pub(super) fn side(hook: Hook) -> TcAttachType {
    match hook {
        Hook::Egress => TcAttachType::Egress,
        _ => TcAttachType::Ingress,
    }
}

/// The kernel lets go of a link some time after its pin is removed (kernel/bpf/inode.c frees it after
/// an RCU grace period), and until then the interface is taken.
fn attach_once_free<T>(
    mut attach: impl FnMut() -> Result<T, ProgramError>,
) -> Result<T, ProgramError> {
    let give_up = Instant::now() + Duration::from_millis(500);
    loop {
        match attach() {
            Err(error)
                if matches!(errno(&error), Some(Errno::EEXIST | Errno::EBUSY))
                    && Instant::now() < give_up =>
            {
                sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn other_xdp(pin: Pin) -> Pin {
    match pin {
        Pin::XdpGeneric => Pin::XdpNative,
        _ => Pin::XdpGeneric,
    }
}

fn same_interface(at: &HookAt, ifindex: u32) -> Result<(), DataplaneError> {
    if if_nametoindex(at.interface.as_str()) == Ok(ifindex) {
        return Ok(());
    }
    Err(failed("attach to", at, "the interface is gone".into()))
}

/// Removes the pin of a link; the mark of a filter has the same name and stays.
pub(super) fn remove_pin(pin: &Path) -> Result<(), String> {
    match fs::remove_file(pin).map_err(|error| (error.kind(), error)) {
        Ok(()) | Err((io::ErrorKind::NotFound | io::ErrorKind::IsADirectory, _)) => Ok(()),
        Err((_, error)) => Err(reason(error)),
    }
}

pub(super) fn failed(what: &'static str, at: &HookAt, why: String) -> DataplaneError {
    DataplaneError::Hook {
        what,
        interface: at.interface.clone(),
        hook: at.hook,
        why,
    }
}

/// The error with its causes, which aya keeps apart.
pub(super) fn reason(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

fn errno(error: &ProgramError) -> Option<Errno> {
    let number = match error {
        ProgramError::SyscallError(error) => error.io_error.raw_os_error(),
        ProgramError::TcError(TcError::NetlinkError(error)) | ProgramError::NetlinkError(error) => {
            error.raw_os_error()
        }
        _ => None,
    };
    number.map(Errno::from_raw)
}

pub(super) fn is_absent(error: &ProgramError) -> bool {
    matches!(
        errno(error),
        Some(Errno::ENOENT | Errno::ENODEV | Errno::EINVAL)
    )
}
