//! The filters in the traffic control of an interface: ours on kernels without TCX, and others'.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use netlink_packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcFilterBpfOption, TcHandle, TcMessage, TcOption},
};
use nix::errno::Errno;

use super::{LinkError, Links, Tried, interface};

/// Side of an interface that a filter stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the interface receives.
    Ingress,
    /// What it sends.
    Egress,
}

/// The filters of one priority at a side of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The lower runs first.
    pub priority: u16,
    /// `bpf`, `flower`, `matchall` …
    pub kind: String,
    /// The kernel's id of the BPF program of the last of them.
    pub program: Option<u32>,
}

impl Links {
    /// The filters at a side of an interface, in the order in which they run.
    pub async fn filters(&self, index: u32, side: Side) -> Result<Vec<Filter>, LinkError> {
        let mut by_priority: BTreeMap<u16, Filter> = BTreeMap::new();
        for message in self.filter_messages(index, side).await? {
            let priority = (message.header.info >> 16) as u16;
            let filter = by_priority.entry(priority).or_insert_with(|| Filter {
                priority,
                kind: kind(&message),
                program: None,
            });
            filter.program = program(&message).or(filter.program);
        }
        Ok(by_priority.into_values().collect())
    }

    /// None where the interface has no qdisc for them.
    async fn filter_messages(&self, index: u32, side: Side) -> Result<Vec<TcMessage>, LinkError> {
        let request = self.handle.traffic_filter(index as i32).get();
        let request = match side {
            Side::Ingress => request.ingress(),
            Side::Egress => request.egress(),
        };
        let filters: Result<Vec<TcMessage>, LinkError> = request
            .execute()
            .try_collect()
            .await
            .tried(|| format!("list the filters of interface {index}"));
        match filters {
            Err(error) if matches!(error.errno(), Some(Errno::EINVAL | Errno::ENODEV)) => {
                Ok(Vec::new())
            }
            other => other,
        }
    }

    /// The kernel's id of the BPF program in the filter with this priority and handle, if there is one.
    pub async fn filter_program(
        &self,
        index: u32,
        side: Side,
        priority: u16,
        handle: u32,
    ) -> Result<Option<u32>, LinkError> {
        let filters = self.filter_messages(index, side).await?;
        Ok(filters
            .iter()
            .filter(|f| f.header.info >> 16 == u32::from(priority))
            .filter(|f| u32::from(f.header.handle) == handle)
            .find_map(program))
    }

    /// Removes the clsact qdisc with all its filters; one that is gone already is no error.
    pub async fn delete_clsact(&self, index: u32) -> Result<(), LinkError> {
        let mut message = TcMessage::with_index(index as i32);
        message.header.parent = TcHandle::CLSACT;
        message.attributes.push(TcAttribute::Kind("clsact".into()));
        let done = self
            .request(RouteNetlinkMessage::DelQueueDiscipline(message))
            .await;
        match done.tried(|| format!("remove the clsact qdisc of {}", interface(index))) {
            Err(error)
                if matches!(
                    error.errno(),
                    Some(Errno::ENOENT | Errno::EINVAL | Errno::ENODEV)
                ) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

fn kind(filter: &TcMessage) -> String {
    let kind = filter.attributes.iter().find_map(|a| match a {
        TcAttribute::Kind(kind) => Some(kind.clone()),
        _ => None,
    });
    kind.unwrap_or_default()
}

fn program(filter: &TcMessage) -> Option<u32> {
    let options = filter.attributes.iter().find_map(|a| match a {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    })?;
    options.iter().find_map(|option| match option {
        TcOption::Bpf(TcFilterBpfOption::ProgId(id)) => Some(*id),
        _ => None,
    })
}
