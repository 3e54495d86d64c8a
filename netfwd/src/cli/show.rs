//! `show` commands, which read the pinned maps themselves; and which command changes what.

use std::net::IpAddr;

use serde::Serialize;

use super::args::{Command, Filter};
use super::change::{change, post};
use super::filter::{self, Fields};
use super::network::{NeighCommand, NetworkCommand};
use super::objects::{FdbCommand, PeerCommand};
use super::port::{PortCommand, SetArgs};
use super::{Failed, output, request};
use crate::api::PortQuery;
use crate::ids::Ids;
use crate::runtime::{FdbSpec, NetworkSpec, Object, Op, PortChange, PortSpec, Store};
use crate::show;

const NETWORKS: Fields = Fields {
    network: Some("name"),
    port: Some("ports"),
    peer: Some("peers"),
    ..Fields::NONE
};
const PORTS: Fields = Fields {
    network: Some("networks"),
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
    vlan: Some("vlan"),
};
const NEIGHBOURS: Fields = FDB;
/// What a command shows or changes, and how it is printed.
pub(super) struct Shown<'a> {
    pub(super) instance: &'a str,
    pub(super) json: bool,
}

/// Does a command about an object.
pub fn or_change(instance: &str, command: Command, json: bool) -> Result<(), Failed> {
    let shown = Shown { instance, json };
    match command {
        Command::Network(command) => shown.network(command),
        Command::Port(command) => shown.port(command),
        Command::Peer(command) => shown.peer(command),
        Command::Fdb(command) => shown.fdb(command),
        Command::Neigh(command) => shown.neigh(command),
        Command::Publish(command) => shown.publish(command),
        Command::Floating(command) => shown.floating(command),
        Command::Session(command) => shown.session(command),
        Command::Stats { watch, filter } => shown.stats(watch, &filter),
        _ => shown.status(),
    }
}

impl Shown<'_> {
    fn network(&self, command: NetworkCommand) -> Result<(), Failed> {
        match command {
            NetworkCommand::Show(filter) => self.rows(
                &show::networks(self.instance).map_err(Failed::new)?,
                &filter,
                NETWORKS,
                show::NETWORK_COLUMNS,
            ),
            NetworkCommand::Add(args) => {
                change(self.instance, Op::Add, Object::Network((*args).into()))
            }
            NetworkCommand::Replace(args) => {
                change(self.instance, Op::Replace, Object::Network((*args).into()))
            }
            NetworkCommand::Del { name } => {
                let spec = NetworkSpec {
                    name,
                    ..NetworkSpec::default()
                };
                change(self.instance, Op::Del, Object::Network(spec))
            }
        }
    }

    fn port(&self, command: PortCommand) -> Result<(), Failed> {
        match command {
            PortCommand::Show(filter) => self.rows(
                &show::ports(self.instance).map_err(Failed::new)?,
                &filter,
                PORTS,
                show::PORT_COLUMNS,
            ),
            PortCommand::Add(args) => change(self.instance, Op::Add, (*args).into()),
            PortCommand::Replace(args) => change(self.instance, Op::Replace, (*args).into()),
            PortCommand::Set(args) => self.set_port(*args),
            PortCommand::Del { interface, network } => {
                let spec = PortSpec {
                    interface: Some(interface),
                    network,
                    ..PortSpec::default()
                };
                change(self.instance, Op::Del, Object::Port(spec))
            }
        }
    }

    fn set_port(&self, args: SetArgs) -> Result<(), Failed> {
        let (port, up) = (args.interface.clone(), args.up);
        let spec = args.change();
        let changes = spec.options != PortChange::default();
        if !up && !changes {
            return Err(Failed {
                sentence: format!(
                    "nothing to set on port {port}; `port set --help` says what there is"
                ),
                code: 2,
            });
        }
        if changes {
            change(self.instance, Op::Set, Object::Port(spec))?;
        }
        if up {
            post(self.instance, "/v1/ports/open", &PortQuery { port })?;
        }
        Ok(())
    }

    fn peer(&self, command: PeerCommand) -> Result<(), Failed> {
        match command {
            PeerCommand::Show(filter) => self.rows(
                &show::peers(self.instance).map_err(Failed::new)?,
                &filter,
                PEERS,
                show::PEER_COLUMNS,
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
                &[],
            ),
            FdbCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            FdbCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            FdbCommand::Del { mac, network, vlan } => {
                let spec = FdbSpec {
                    network,
                    mac,
                    vlan,
                    ..FdbSpec::default()
                };
                change(self.instance, Op::Del, Object::Fdb(spec))
            }
            FdbCommand::Flush(filter) => {
                post(self.instance, "/v1/fdb/flush", &request::stations(filter)?)
            }
        }
    }

    fn neigh(&self, command: NeighCommand) -> Result<(), Failed> {
        let neigh = |op, spec| change(self.instance, op, Object::Neigh(spec));
        match command {
            NeighCommand::Show(filter) => self.rows(
                &show::neighbours(self.instance).map_err(Failed::new)?,
                &filter,
                NEIGHBOURS,
                &[],
            ),
            NeighCommand::Add(args) => neigh(Op::Add, args.into()),
            NeighCommand::Replace(args) => neigh(Op::Replace, args.into()),
            NeighCommand::Del(key) => neigh(Op::Del, key.into()),
            NeighCommand::Flush(filter) => post(
                self.instance,
                "/v1/neigh/flush",
                &request::neighbours(filter)?,
            ),
        }
    }

    pub(super) fn rows<T: Serialize>(
        &self,
        items: &[T],
        filter: &Filter,
        fields: Fields,
        columns: &[&str],
    ) -> Result<(), Failed> {
        if is_empty(filter) {
            return output::print_columns(items, self.json, columns);
        }
        let rows = filter::apply(output::rows(items)?, filter, fields, &self.ids()?)?;
        output::print_columns(&rows, self.json, columns)
    }

    pub(super) fn ids(&self) -> Result<Ids, Failed> {
        Store::of(self.instance).ids().map_err(Failed::new)
    }
}

fn is_empty(filter: &Filter) -> bool {
    let peer: Option<IpAddr> = filter.peer;
    filter.network.is_none()
        && filter.port.is_none()
        && filter.mac.is_none()
        && peer.is_none()
        && filter.vlan.is_none()
}
