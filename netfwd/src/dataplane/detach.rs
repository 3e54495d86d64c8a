//! Detaching, which takes no loaded object.

use std::fs;

use aya::programs::Link as _;

use super::{
    Dataplane, DataplaneError, Pin, Pins,
    attach::{failed, filter, is_absent, reason, remove_pin},
};
use crate::observed::{Hook, HookAt};

impl Dataplane {
    /// Detaches what is attached to a hook; nothing attached is no error. Says whether the clsact
    /// qdisc of the interface was made by us and is no longer needed.
    pub fn detach(&mut self, at: &HookAt) -> Result<bool, DataplaneError> {
        self.pins.detach(at)
    }
}

impl Pins {
    /// Detaches what is attached to a hook; nothing attached is no error. Says whether the clsact
    /// qdisc of the interface was made by us and is no longer needed.
    pub fn detach(&self, at: &HookAt) -> Result<bool, DataplaneError> {
        let detached = [Pin::Tcx, Pin::XdpNative, Pin::XdpGeneric]
            .into_iter()
            .filter(|pin| (at.hook == Hook::Xdp) != (*pin == Pin::Tcx))
            .try_for_each(|pin| remove_pin(&self.link(at, pin)))
            .and_then(|()| remove_filter(self, at));
        detached.map_err(|why| failed("detach from", at, why))?;
        let mark = self.clsact(&at.interface);
        let others = self.attached()?;
        let needed = others
            .iter()
            .any(|(other, pin)| other.interface == at.interface && *pin == Pin::Clsact);
        if needed || !mark.exists() {
            return Ok(false);
        }
        fs::remove_dir(&mark).map_err(|source| DataplaneError::Pin { path: mark, source })?;
        Ok(true)
    }
}

pub(super) fn remove_filter(pins: &Pins, at: &HookAt) -> Result<(), String> {
    let mark = pins.link(at, Pin::Clsact);
    if at.hook == Hook::Xdp || !mark.is_dir() {
        return Ok(());
    }
    // An interface that is gone took its filters along.
    if let Ok(filter) = filter(at) {
        match filter.detach() {
            Err(error) if !is_absent(&error) => return Err(reason(error)),
            _ => {}
        }
    }
    fs::remove_dir(&mark).map_err(reason)
}
