//! `stats` and `status`.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::args::Filter;
use super::filter;
use super::output::Reader;
use super::show::Shown;
use super::{Failed, output, runtime};
use crate::ageing::Gauges;
use crate::api::Status;
use crate::client::Client;
use crate::show::{self, HookRow, StatsRow};

/// Of this command line, which stands in where no daemon says its own.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What `status` says where a hook stands on the sockets of this host's processes.
const SOCKETS: &str =
    "sockets: processes of this host reach published ports and floating addresses\n";

impl Shown<'_> {
    pub(super) fn stats(&self, watch: bool, filter: &Filter) -> Result<(), Failed> {
        loop {
            let rows = self.counters(filter)?;
            // Home, and clear what is below.
            let head = if watch { "\x1b[H\x1b[J" } else { "" };
            let reader = output::page(&rows, self.json, &[], head)?;
            if !watch || reader == Reader::Gone {
                return Ok(());
            }
            sleep(Duration::from_secs(1));
        }
    }

    /// The counters of what a filter names, or all; of ports and peers what they count for a network, where
    /// it names one as well.
    fn counters(&self, filter: &Filter) -> Result<Vec<StatsRow>, Failed> {
        let named = filter::objects(filter, &self.ids()?)?;
        let within = filter.network.as_deref().filter(|_| named.len() > 1);
        let mut rows = show::stats(self.instance, within).map_err(Failed::new)?;
        let nat = self.daemon()?.and_then(|daemon| daemon.nat);
        rows.extend(nat.iter().flat_map(show::gauges));
        // Within a network, its ports and peers are asked for.
        let named = &named[usize::from(within.is_some())..];
        let of = |row: &StatsRow| {
            let mut named = named.iter();
            named.any(|(scope, name)| row.scope == *scope && row.name == *name)
        };
        rows.retain(|row| named.is_empty() || of(row));
        Ok(rows)
    }

    /// The daemon, where it runs.
    fn daemon(&self) -> Result<Option<Status>, Failed> {
        let client = Client::new(self.instance);
        Ok(runtime()?.block_on(client.get("/v1/status")).ok())
    }

    /// The daemon where it runs, and every hook.
    pub(super) fn status(&self) -> Result<(), Failed> {
        let mut hooks = show::status(self.instance).map_err(Failed::new)?;
        let daemon = self.daemon()?;
        if let Some(daemon) = &daemon {
            explain(&mut hooks, daemon);
        }
        if self.json {
            let version = daemon.as_ref().map(|daemon| daemon.version.clone());
            let row = json!({
                "instance": self.instance,
                "version": version.unwrap_or_else(|| VERSION.to_owned()),
                "running": daemon.is_some(),
                "pid": daemon.as_ref().map(|daemon| daemon.pid),
                "uptime_seconds": daemon.as_ref().map(|daemon| daemon.uptime_seconds),
                "config": daemon.as_ref().map(|daemon| daemon.config.clone()),
                "nat": daemon.as_ref().and_then(|daemon| daemon.nat.clone()),
                "waiting": daemon.map(|daemon| daemon.waiting).unwrap_or_default(),
                "sockets": show::sockets(self.instance),
                "interfaces": hooks,
            });
            return output::print(&[row], true);
        }
        let mut summary = summary(self.instance, daemon.as_ref());
        if show::sockets(self.instance).is_some() {
            summary.push_str(SOCKETS);
        }
        summary.push('\n');
        output::page(&hooks, false, show::HOOK_COLUMNS, &summary).map(drop)
    }
}

/// What the daemon knows of uplinks without XDP, and nobody else.
fn explain(hooks: &mut [HookRow], daemon: &Status) {
    for row in hooks.iter_mut().filter(|row| row.program.is_none()) {
        if let Some(why) = daemon.without_xdp.get(&row.interface) {
            row.why.clone_from(why);
        }
    }
}

fn summary(instance: &str, daemon: Option<&Status>) -> String {
    let Some(daemon) = daemon else {
        return format!(
            "instance {instance}: netfwd {VERSION}, no daemon runs; the data path that is shown forwards \
             without it\n"
        );
    };
    let (version, pid, uptime) = (&daemon.version, daemon.pid, daemon.uptime_seconds);
    let mut text = format!(
        "instance {instance}: netfwd {version}, pid {pid}, up {uptime} s, {}\n",
        daemon.config
    );
    for lack in &daemon.waiting {
        text.extend(["waiting: ", lack, "\n"]);
    }
    if let Some(nat) = &daemon.nat {
        text.push_str(&translation(nat));
    }
    text
}

/// How full the tables of NAT are.
fn translation(nat: &Gauges) -> String {
    let Gauges {
        max_sessions,
        age_seconds,
        ..
    } = nat;
    let sessions: u64 = nat.sessions.values().sum();
    let pools = nat.pools.iter().map(|pool| {
        let (address, proto, used, ports) = (&pool.address, &pool.proto, pool.used, pool.ports);
        format!(", {used} of {ports} {proto} ports of {address}")
    });
    format!(
        "sessions: {sessions} of {max_sessions}{}, counted {age_seconds} s ago\n",
        pools.collect::<String>()
    )
}
