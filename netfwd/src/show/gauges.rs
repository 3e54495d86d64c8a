//! How full the tables of NAT are, as rows of `stats`. The daemon counts; without one there are none.

use super::StatsRow;
use crate::ageing::Gauges;

/// What these rows belong to.
const SCOPE: &str = "nat";

/// The rows of what was counted last.
pub fn gauges(gauges: &Gauges) -> Vec<StatsRow> {
    let row = |name: &str, counter, value| StatsRow {
        scope: SCOPE,
        name: name.to_owned(),
        counter,
        value,
        reason: None,
    };
    let sessions = gauges.sessions.iter();
    let mut rows: Vec<StatsRow> = sessions
        .map(|(kind, sessions)| row(kind, "sessions", *sessions))
        .collect();
    rows.push(row("sessions", "max", gauges.max_sessions));
    for pool in &gauges.pools {
        let name = format!("{} {}", pool.address, pool.proto);
        rows.push(row(&name, "ports_used", pool.used));
        rows.push(row(&name, "ports", pool.ports));
    }
    rows
}
