//! `show` commands, which read the pinned maps themselves; and which command changes what.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::args::{Command, Filter};
use super::change::{change, post};
use super::filter::{self, Fields};
use super::objects::{
    FdbCommand, NetworkCommand, PeerCommand, PortCommand, PublishCommand, SessionArgs,
    SessionCommand,
};
use super::{Failed, output, request, runtime};
use crate::api::{FdbQuery, SessionQuery, Status};
use crate::client::Client;
use crate::ids::Ids;
use crate::runtime::{FdbSpec, NetworkSpec, Object, Op, PortSpec, PublishSpec, Store};
use crate::show;

const NETWORKS: Fields = Fields {
    network: Some("name"),
    port: Some("ports"),
    peer: Some("peers"),
    ..Fields::NONE
};
const PORTS: Fields = Fields {
    network: Some("network"),
    port: Some("interface"),
    mac: Some("mac"),
    ..Fields::NONE
};
const PEERS: Fields = Fields {
    network: Some("networks"),
    peer: Some("address"),
    ..Fields::NONE
};
const FDB: Fields = Fields {
    network: Some("network"),
    port: Some("port"),
    peer: Some("peer"),
    mac: Some("mac"),
};
const PUBLISHES: Fields = Fields {
    network: Some("network"),
    ..Fields::NONE
};

/// What a command shows or changes, and how it is printed.
struct Shown<'a> {
    instance: &'a str,
    json: bool,
}

/// Does a command about an object.
pub fn or_change(instance: &str, command: Command, json: bool) -> Result<(), Failed> {
    let shown = Shown { instance, json };
    match command {
        Command::Network(command) => shown.network(command),
        Command::Port(command) => shown.port(command),
        Command::Peer(command) => shown.peer(command),
        Command::Fdb(command) => shown.fdb(command),
        Command::Publish(command) => shown.publish(command),
        Command::Session(command) => shown.session(command),
        Command::Stats { watch, filter } => shown.stats(watch, &filter),
        _ => shown.status(),
    }
}

impl Shown<'_> {
    fn network(&self, command: NetworkCommand) -> Result<(), Failed> {
        let op = match &command {
            NetworkCommand::Show(filter) => {
                return self.rows(
                    &show::networks(self.instance).map_err(Failed::new)?,
                    filter,
                    NETWORKS,
                );
            }
            NetworkCommand::Add { .. } => Op::Add,
            NetworkCommand::Del { .. } => Op::Del,
        };
        let spec: NetworkSpec = request::network(command).unwrap_or_default();
        change(self.instance, op, Object::Network(spec))
    }

    fn port(&self, command: PortCommand) -> Result<(), Failed> {
        match command {
            PortCommand::Show(filter) => self.rows(
                &show::ports(self.instance).map_err(Failed::new)?,
                &filter,
                PORTS,
            ),
            PortCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            PortCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            PortCommand::Set {
                interface,
                isolated,
            } => {
                let spec = PortSpec {
                    interface: Some(interface),
                    isolated,
                    ..PortSpec::default()
                };
                change(self.instance, Op::Set, Object::Port(spec))
            }
            PortCommand::Del { interface } => {
                let spec = PortSpec {
                    interface: Some(interface),
                    ..PortSpec::default()
                };
                change(self.instance, Op::Del, Object::Port(spec))
            }
        }
    }

    fn peer(&self, command: PeerCommand) -> Result<(), Failed> {
        match command {
            PeerCommand::Show(filter) => self.rows(
                &show::peers(self.instance).map_err(Failed::new)?,
                &filter,
                PEERS,
            ),
            PeerCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            PeerCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            PeerCommand::Del(args) => change(self.instance, Op::Del, args.into()),
        }
    }

    fn fdb(&self, command: FdbCommand) -> Result<(), Failed> {
        match command {
            FdbCommand::Show(filter) => self.rows(
                &show::fdb(self.instance).map_err(Failed::new)?,
                &filter,
                FDB,
            ),
            FdbCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            FdbCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            FdbCommand::Del { mac, network } => {
                let spec = FdbSpec {
                    network,
                    mac,
                    ..FdbSpec::default()
                };
                change(self.instance, Op::Del, Object::Fdb(spec))
            }
            FdbCommand::Flush(filter) => {
                post(self.instance, "/v1/fdb/flush", &FdbQuery::from(filter))
            }
        }
    }

    fn publish(&self, command: PublishCommand) -> Result<(), Failed> {
        match command {
            PublishCommand::Show(filter) => self.rows(
                &show::publishes(self.instance).map_err(Failed::new)?,
                &filter,
                PUBLISHES,
            ),
            PublishCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            PublishCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            PublishCommand::Del { listen } => {
                let spec = PublishSpec {
                    listen,
                    ..PublishSpec::default()
                };
                change(self.instance, Op::Del, Object::Publish(spec))
            }
        }
    }

    fn session(&self, command: SessionCommand) -> Result<(), Failed> {
        match command {
            SessionCommand::Show { filter, network } => self.sessions(&filter, network.as_deref()),
            SessionCommand::Flush(filter) => post(
                self.instance,
                "/v1/sessions/flush",
                &SessionQuery::from(&filter),
            ),
        }
    }

    fn sessions(&self, args: &SessionArgs, network: Option<&str>) -> Result<(), Failed> {
        let mut filter = SessionQuery::from(args).filter().map_err(Failed::new)?;
        if let Some(name) = network {
            let id = self.ids()?.networks.get(name).copied();
            filter.network = Some(id.ok_or_else(|| {
                Failed::new(format!(
                    "network {name} does not exist; `netfwd network show` lists all"
                ))
            })?);
        }
        let rows = show::sessions(self.instance, &filter).map_err(Failed::new)?;
        output::print(&rows, self.json)
    }

    fn stats(&self, watch: bool, filter: &Filter) -> Result<(), Failed> {
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
        let rows = output::rows(&show::stats(self.instance).map_err(Failed::new)?)?;
        let field = |wanted: bool| wanted.then_some("name");
        let fields = Fields {
            network: field(filter.network.is_some()),
            port: field(filter.port.is_some()),
            peer: field(filter.peer.is_some()),
            mac: None,
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

    /// The daemon where it runs, and every hook.
    fn status(&self) -> Result<(), Failed> {
        let hooks = show::status(self.instance).map_err(Failed::new)?;
        let daemon: Option<Status> = runtime()?
            .block_on(Client::new(self.instance).get("/v1/status"))
            .ok();
        if self.json {
            let version = daemon.as_ref().map(|daemon| daemon.version.clone());
            let row = json!({
                "instance": self.instance,
                "version": version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
                "running": daemon.is_some(),
                "pid": daemon.as_ref().map(|daemon| daemon.pid),
                "uptime_seconds": daemon.as_ref().map(|daemon| daemon.uptime_seconds),
                "config": daemon.as_ref().map(|daemon| daemon.config.clone()),
                "waiting": daemon.map(|daemon| daemon.waiting).unwrap_or_default(),
                "interfaces": hooks,
            });
            return output::print(&[row], true);
        }
        println!("{}", summary(self.instance, daemon.as_ref()));
        output::print(&hooks, false)
    }

    fn rows<T: Serialize>(
        &self,
        items: &[T],
        filter: &Filter,
        fields: Fields,
    ) -> Result<(), Failed> {
        let rows = output::rows(items)?;
        let rows = if is_empty(filter) {
            rows
        } else {
            filter::apply(rows, filter, fields, &self.ids()?)?
        };
        output::print(&rows, self.json)
    }

    fn ids(&self) -> Result<Ids, Failed> {
        Store::of(self.instance).ids().map_err(Failed::new)
    }
}

fn is_empty(filter: &Filter) -> bool {
    let peer: Option<IpAddr> = filter.peer;
    filter.network.is_none() && filter.port.is_none() && filter.mac.is_none() && peer.is_none()
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
    text
}
