//! Sending frames, and expecting what arrives.

use std::{thread, time::Duration};

use anyhow::{Result, bail, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use super::{Arrival, Model, PEER, Sent, Switch};

/// Time in which a frame that is forwarded has arrived.
const SOON: Duration = Duration::from_secs(2);
/// Time after which a frame that has not arrived will not: a veth delivers before `send` returns but
/// for what waits for a softirq thread.
const QUIET: Duration = Duration::from_millis(60);

impl Switch {
    /// Sends a frame and expects it, octet by octet, at these ports, once each, and nothing else
    /// anywhere.
    pub fn expect(&self, from: usize, frame: &[u8], ports: &[usize]) -> Result<()> {
        let expected = ports.iter().map(|port| (*port, frame));
        self.expect_as(from, frame, &expected.collect::<Vec<_>>())
    }

    /// Sends a frame and expects these at these ports, once each, and nothing else anywhere.
    pub fn expect_as(&self, from: usize, frame: &[u8], expected: &[(usize, &[u8])]) -> Result<()> {
        self.inject(from, frame)?;
        let far = expected.iter().filter(|(port, _)| *port == PEER).count();
        let mut arrivals = self.arrivals(expected.len() - far, far)?;
        for (port, wanted) in expected {
            let found = arrivals
                .iter()
                .position(|arrival| arrival.port == *port && arrival.frame == *wanted);
            let Some(found) = found else {
                bail!(
                    "from port {from}, not at port {port}, but {}",
                    list(&arrivals)
                );
            };
            arrivals.swap_remove(found);
        }
        ensure!(
            arrivals.is_empty(),
            "from port {from}, too: {}",
            list(&arrivals)
        );
        Ok(())
    }

    /// Sends frames one after the other and expects what the model says of them, whatever the order.
    pub fn expect_model(&self, model: &mut Model, frames: &[Sent]) -> Result<()> {
        let mut wanted: Vec<_> = frames.iter().flat_map(|sent| model.send(sent)).collect();
        self.inject_all(frames)?;
        let far = wanted.iter().filter(|one| one.port == PEER).count();
        let mut arrivals = self.arrivals(wanted.len() - far, far)?;
        for list in [&mut wanted, &mut arrivals] {
            list.sort();
        }
        if wanted == arrivals {
            return Ok(());
        }
        let missing: Vec<_> = wanted
            .iter()
            .filter(|one| !arrivals.contains(one))
            .cloned()
            .collect();
        let surplus: Vec<_> = arrivals
            .iter()
            .filter(|one| !wanted.contains(one))
            .cloned()
            .collect();
        bail!(
            "missing: {}\nnot wanted: {}",
            list(&missing),
            list(&surplus)
        )
    }

    /// Sends a frame and tells what arrives of it and because of it.
    pub fn send(&self, from: usize, frame: &[u8]) -> Result<Vec<Arrival>> {
        self.inject(from, frame)?;
        self.arrivals(0, 0)
    }

    /// Sends a frame from a port or from the peer.
    fn inject(&self, from: usize, frame: &[u8]) -> Result<()> {
        match &self.overlay {
            Some(overlay) if from == PEER => overlay.send(frame),
            _ => self.wire.send(from, frame),
        }
    }

    /// Sends frames one after the other from one CPU, so that each has been forwarded before the next.
    fn inject_all(&self, frames: &[Sent]) -> Result<()> {
        let send = || {
            let mut first = CpuSet::new();
            first.set(0)?;
            // Where the first CPU is not ours to use, order is likely all the same.
            let _ = sched_setaffinity(Pid::from_raw(0), &first);
            frames
                .iter()
                .try_for_each(|sent| self.inject(sent.port, &sent.octets()))
        };
        thread::scope(|scope| scope.spawn(send).join()).expect("sending does not panic")
    }

    /// What arrives, where so many frames are expected at ports and so many at the peer.
    fn arrivals(&self, near: usize, far: usize) -> Result<Vec<Arrival>> {
        let mut arrivals = self.wire.arrivals(near, QUIET, SOON)?;
        if let Some(overlay) = &self.overlay {
            arrivals.extend(overlay.arrivals(far, QUIET / 4, SOON)?);
        }
        Ok(arrivals)
    }

    /// What arrives of frames that were sent elsewhere, so many being expected.
    pub fn await_arrivals(&self, count: usize) -> Result<Vec<Arrival>> {
        self.arrivals(count, 0)
    }

    /// Waits until nothing arrives any more, whatever it was.
    pub fn settle(&self) -> Result<()> {
        self.arrivals(0, 0).map(drop)
    }
}

/// Arrivals as a failed test shows them.
fn list(arrivals: &[Arrival]) -> String {
    let arrivals = arrivals.iter().map(|Arrival { port, frame }| {
        let octets: Vec<_> = frame.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("\n  at port {port}: {}", octets.join(" "))
    });
    arrivals.collect::<String>()
}
