//! Programs of somebody else at the hooks of an interface: netfwd's own, of no instance and with maps of
//! their own, so that they let every frame pass as done.

use anyhow::{Context, Result};
use aya::{
    Ebpf,
    programs::{LinkOrder, SchedClassifier, TcAttachType, Xdp, XdpMode, tc::TcAttachOptions},
};

use crate::{
    netns::Namespace,
    prog::{Sizes, object},
};

/// A program that is attached until its guard is dropped.
#[derive(Debug)]
pub struct Foreign {
    _object: Ebpf,
}

impl Foreign {
    /// Attaches one by TCX, in front of all or behind all that are there.
    pub fn tcx(ns: &Namespace, interface: &str, at: TcAttachType, first: bool) -> Result<Self> {
        let mut object = object::load(Sizes::default())?;
        let program: &mut SchedClassifier = object
            .program_mut("port_ingress")
            .context("a program")?
            .try_into()?;
        program.load()?;
        let order = if first {
            LinkOrder::first()
        } else {
            LinkOrder::last()
        };
        ns.within(|| program.attach_with_options(interface, at, TcAttachOptions::TcxOrder(order)))?;
        Ok(Self { _object: object })
    }

    /// Attaches one by XDP.
    pub fn xdp(ns: &Namespace, interface: &str, mode: XdpMode) -> Result<Self> {
        let mut object = object::load(Sizes::default())?;
        let program: &mut Xdp = object
            .program_mut("uplink_xdp")
            .context("a program")?
            .try_into()?;
        program.load()?;
        ns.within(|| program.attach(interface, mode))?;
        Ok(Self { _object: object })
    }
}
