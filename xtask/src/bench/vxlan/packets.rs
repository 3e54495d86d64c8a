//! 64-byte frames from one container to the other.

use anyhow::Result;

use super::KERNEL;
use super::hosts::Pair;
use crate::bench::measure::Measured;
use crate::bench::path::Path;
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};
use crate::run::instance::Instance;

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let labels = ["pn", "px", "pk", "pr"];
    let [tc, xdp, kernel, redirects] = labels.map(|label| Pair::create(prefix, label));
    let (tc, xdp, kernel, redirects) = (tc?, xdp?, kernel?, redirects?);
    kernel.kernel()?;
    redirects.redirects()?;
    let _running: [[Instance<'_>; 2]; 2] = [
        tc.netfwd(loader, prefix, "off")?,
        xdp.netfwd(loader, prefix, "native")?,
    ];
    let paths = [
        open("netfwd", &tc)?,
        open(KERNEL, &kernel)?,
        open("netfwd, XDP on the uplinks", &xdp)?,
        open("redirects alone, no VXLAN", &redirects)?,
    ];
    let measured: Vec<&dyn Measured> = paths.iter().map(|path| path as _).collect();
    let heading = Heading {
        id: "vxlan/packets-64",
        title: "vxlan: 64-byte frames, container to container across hosts",
        unit: Unit::FramesPerSecond,
        reference: KERNEL,
    };
    session.compare([heading], &measured)
}

fn open<'pair>(name: &'static str, pair: &'pair Pair) -> Result<Path<'pair>> {
    let [sender, receiver] = &pair.containers;
    Path::open(name, sender, receiver)
}
