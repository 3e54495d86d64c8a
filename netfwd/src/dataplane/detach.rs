//! Detaching, which takes no loaded object.

use aya::programs::Link as _;
use nix::net::if_::if_nametoindex;

use super::{
    Dataplane, DataplaneError, Pin, Pins,
    attach::{failed, filter, is_absent, reason, remove_pin},
};
use crate::observed::{Hook, HookAt};

impl Dataplane {
    /// Detaches what is attached to a hook; nothing attached is no error. Gives the interface, by ifindex,
    /// whose clsact qdisc was made by us and is no longer needed.
    pub fn detach(&mut self, at: &HookAt) -> Result<Option<u32>, DataplaneError> {
        self.pins.detach(at)
    }
}

impl Pins {
    /// Detaches what is attached to a hook; nothing attached is no error. Gives the interface, by ifindex,
    /// whose clsact qdisc was made by us and is no longer needed.
    pub fn detach(&self, at: &HookAt) -> Result<Option<u32>, DataplaneError> {
        let detached = [Pin::Tcx, Pin::XdpNative, Pin::XdpGeneric]
            .into_iter()
            .filter(|pin| (at.hook == Hook::Xdp) != (*pin == Pin::Tcx))
            .try_for_each(|pin| remove_pin(&self.link(at, pin)))
            .and_then(|()| remove_filter(self, at));
        detached.map_err(|why| failed("detach from", at, why))?;
        let mark = self.qdisc_mark(&at.interface);
        let others = self.attached()?;
        let needed = others
            .iter()
            .any(|(other, pin)| other.interface == at.interface && *pin == Pin::Clsact);
        if needed || !mark.is_set() {
            return Ok(None);
        }
        let ifindex = match mark.whose() {
            Some(marked) => marked.interface().map(|_| marked.ifindex),
            None => if_nametoindex(at.interface.as_str()).ok(),
        };
        mark.remove()
            .map_err(|why| failed("detach from", at, why))?;
        Ok(ifindex)
    }
}

pub(super) fn remove_filter(pins: &Pins, at: &HookAt) -> Result<(), String> {
    let mark = pins.filter_mark(at);
    if at.hook == Hook::Xdp || !mark.is_set() {
        return Ok(());
    }
    let interface = match mark.whose() {
        Some(marked) => marked.interface(),
        None => Some(at.interface.clone()),
    };
    // An interface that is gone took its filters along.
    if let Some(Ok(filter)) = interface.map(|name| filter(&name, at.hook)) {
        match filter.detach() {
            Err(error) if !is_absent(&error) => return Err(reason(error)),
            _ => {}
        }
    }
    mark.remove()
}
