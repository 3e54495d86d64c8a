//! Flooding to many ports, and the order of what is flooded.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    packet::BROADCAST,
    switch::{Arrival, Layout, Make, frame, station},
};

/// A bridge takes 1,023.
const MANY: usize = 1000;
const SOON: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(200);

/// One broadcast to 1,000 ports arrives at each of the 999 others, once, and so does the next one, from
/// the last port; unicast between the two ends reaches one.
pub fn thousand_ports(make: Make) -> Result<()> {
    let switch = Layout::ports(MANY).start(make)?;
    for from in [1, MANY] {
        let broadcast = frame(BROADCAST, station(from as u16));
        switch.wire().send(from, &broadcast)?;
        let arrivals = switch.wire().arrivals(MANY - 1, QUIET, SOON)?;
        ensure!(arrivals.iter().all(|arrival| arrival.frame == broadcast));
        let mut ports: Vec<_> = arrivals.iter().map(|arrival| arrival.port).collect();
        ports.sort_unstable();
        println!(
            "{make:?}: a broadcast from port {from} at {} ports",
            ports.len()
        );
        ensure!(ports == switch.all_but(&[from]));
    }
    switch.expect(1, &frame(station(MANY as u16), station(1)), &[MANY])
}

/// Frames that one station sends one after the other arrive in that order at every port, flooded and,
/// once their station is known, forwarded.
pub fn order(make: Make) -> Result<()> {
    const PORTS: usize = 8;
    const FRAMES: usize = 400;
    let switch = Layout::ports(PORTS).start(make)?;
    for (dst, receivers) in [
        (BROADCAST, PORTS - 1),
        (station(2), PORTS - 1),
        (station(3), 1),
    ] {
        switch.wire().send(3, &frame(station(1), station(3)))?;
        switch.settle()?;
        let frames: Vec<_> = (0..FRAMES).map(|_| frame(dst, station(1))).collect();
        for frame in &frames {
            switch.wire().send(1, frame)?;
        }
        let arrivals = switch.wire().arrivals(FRAMES * receivers, QUIET, SOON)?;
        let by_port = by_port(arrivals);
        ensure!(by_port.len() == receivers, "at {} ports", by_port.len());
        for (port, arrived) in by_port {
            ensure!(arrived == frames, "port {port}: not those, or not in order");
        }
    }
    Ok(())
}

fn by_port(arrivals: Vec<Arrival>) -> BTreeMap<usize, Vec<Vec<u8>>> {
    let mut ports: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for Arrival { port, frame } in arrivals {
        ports.entry(port).or_default().push(frame);
    }
    ports
}
