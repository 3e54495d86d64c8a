//! `stats` and `status`.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::Filter;
use super::filter::{self, Fields};
use super::show::Shown;
use super::{Failed, output, runtime};
use crate::ageing::Gauges;
use crate::api::Status;
use crate::client::Client;
use crate::show::{self, HookRow};

impl Shown<'_> {
    pub(super) fn stats(&self, watch: bool, filter: &Filter) -> Result<(), Failed> {
        loop {
            let rows = self.counters(filter)?;
            if watch && !self.json {
                // Home, and clear what is below.
                print!("\x1b[H\x1b[J");
            }
            output::print(&rows, self.json)?;
            if !watch {
                return Ok(());
            }
            sleep(Duration::from_secs(1));
        }
    }

    /// Counters of one scope and name where a filter says so.
    fn counters(&self, filter: &Filter) -> Result<Vec<Value>, Failed> {
        let mut rows = show::stats(self.instance).map_err(Failed::new)?;
        let nat = self.daemon()?.and_then(|daemon| daemon.nat);
        rows.extend(nat.iter().flat_map(show::gauges));
        let rows = output::rows(&rows)?;
        let field = |wanted: bool| wanted.then_some("name");
        let fields = Fields {
            network: field(filter.network.is_some()),
            port: field(filter.port.is_some()),
            peer: field(filter.peer.is_some()),
            mac: None,
            vlan: None,
        };
        let rows = filter::apply(rows, filter, fields, &self.ids()?)?;
        let scope = match filter {
            Filter {
                network: Some(_), ..
            } => Some("network"),
            Filter { port: Some(_), .. } => Some("port"),
            Filter { peer: Some(_), .. } => Some("peer"),
            _ => None,
        };
        let of = |row: &Value| scope.is_none_or(|scope| row["scope"] == scope);
        Ok(rows.into_iter().filter(of).collect())
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
                "version": version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
                "running": daemon.is_some(),
                "pid": daemon.as_ref().map(|daemon| daemon.pid),
                "uptime_seconds": daemon.as_ref().map(|daemon| daemon.uptime_seconds),
                "config": daemon.as_ref().map(|daemon| daemon.config.clone()),
                "nat": daemon.as_ref().and_then(|daemon| daemon.nat.clone()),
                "waiting": daemon.map(|daemon| daemon.waiting).unwrap_or_default(),
                "interfaces": hooks,
            });
            return output::print(&[row], true);
        }
        println!("{}", summary(self.instance, daemon.as_ref()));
        output::print_columns(&hooks, false, show::HOOK_COLUMNS)
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
            "instance {instance}: no daemon runs; the data path that is shown forwards without it\n"
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
