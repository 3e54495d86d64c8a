//! What the traffic control of an interface has of ours, on kernels without TCX.

use futures::TryStreamExt;
use netlink_packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcFilterBpfOption, TcHandle, TcMessage, TcOption},
};
use nix::errno::Errno;

use super::{LinkError, Links, Tried};

/// Side of an interface that a filter stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the interface receives.
    Ingress,
    /// What it sends.
    Egress,
}

impl Links {
    /// The kernel's id of the BPF program in the filter with this priority and handle, if there is one.
    pub async fn filter_program(
        &self,
        index: u32,
        side: Side,
        priority: u16,
        handle: u32,
    ) -> Result<Option<u32>, LinkError> {
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
            Ok(filters) => Ok(filters
                .iter()
                .filter(|f| f.header.info >> 16 == u32::from(priority))
                .filter(|f| u32::from(f.header.handle) == handle)
                .find_map(program)),
            // Without the qdisc there are no filters.
            Err(error) if matches!(error.errno(), Some(Errno::EINVAL | Errno::ENODEV)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the clsact qdisc with all its filters; one that is gone already is no error.
    pub async fn delete_clsact(&self, index: u32) -> Result<(), LinkError> {
        let mut message = TcMessage::with_index(index as i32);
        message.header.parent = TcHandle::CLSACT;
        message.attributes.push(TcAttribute::Kind("clsact".into()));
        let done = self
            .request(RouteNetlinkMessage::DelQueueDiscipline(message))
            .await;
        match done.tried(|| format!("remove the clsact qdisc of interface {index}")) {
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
