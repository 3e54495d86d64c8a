//! Neighbours that netfwd sets so that the kernel's FIB finds the MAC of a publish's target.

use std::net::IpAddr;

use futures::TryStreamExt;
use netfwd_common::addr::Mac;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
    NeighbourState,
};
use nix::errno::Errno;

use crate::targets::Answer;

use super::{LinkError, Links, Neighbour, Tried, interface};

impl Links {
    /// The neighbours that somebody set, permanent or managed; what the kernel learned by itself is
    /// left out.
    pub async fn neighbours(&self) -> Result<Vec<Neighbour>, LinkError> {
        let messages: Vec<NeighbourMessage> = self
            .handle
            .neighbours()
            .get()
            .execute()
            .try_collect()
            .await
            .tried(|| "list the neighbours".into())?;
        Ok(messages.iter().filter_map(neighbour).collect())
    }

    /// Has the kernel resolve `address` on the interface and keep it fresh (NTF_EXT_MANAGED, Linux
    /// 5.16, commit 7482e3841d52).
    pub async fn set_managed_neighbour(
        &self,
        index: u32,
        address: IpAddr,
    ) -> Result<(), LinkError> {
        let mut request = self
            .handle
            .neighbours()
            .add(index, address)
            .state(NeighbourState::None)
            .flags(NeighbourFlags::empty())
            .replace();
        request
            .message_mut()
            .attributes
            .push(NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed));
        let done = request.execute().await;
        done.tried(|| format!("have neighbour {address} kept on {}", interface(index)))
    }

    /// Sets a neighbour that never ages.
    pub async fn set_permanent_neighbour(
        &self,
        index: u32,
        address: IpAddr,
        mac: Mac,
    ) -> Result<(), LinkError> {
        let request = self.handle.neighbours().add(index, address);
        let done = request.link_layer_address(&mac).replace().execute().await;
        done.tried(|| format!("set neighbour {address} on {}", interface(index)))
    }

    /// Removes a neighbour; one that is gone already is no error.
    pub async fn delete_neighbour(&self, index: u32, address: IpAddr) -> Result<(), LinkError> {
        let neighbours = self.handle.neighbours();
        let message = neighbours.add(index, address).message_mut().clone();
        let done = neighbours.del(message).execute().await;
        match done.tried(|| format!("remove neighbour {address} from {}", interface(index))) {
            Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENODEV)) => Ok(()),
            other => other,
        }
    }
}

/// A state of the kernel's (include/net/neighbour.h): a MAC that is old is one as long as it is not
/// found wrong.
fn answer(state: NeighbourState) -> Answer {
    match state {
        NeighbourState::Failed => Answer::Failed,
        NeighbourState::Incomplete => Answer::Asked,
        NeighbourState::Reachable
        | NeighbourState::Stale
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent => Answer::Resolved,
        _ => Answer::Unknown,
    }
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let mut found = Neighbour {
        ifindex: message.header.ifindex,
        address: IpAddr::from([0; 4]),
        mac: None,
        permanent: message.header.state == NeighbourState::Permanent,
        managed: false,
        answer: answer(message.header.state),
    };
    let mut addressed = false;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                (found.address, addressed) = ((*ip).into(), true);
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                (found.address, addressed) = ((*ip).into(), true);
            }
            NeighbourAttribute::LinkLayerAddress(mac) => found.mac = mac.clone().try_into().ok(),
            NeighbourAttribute::ExtFlags(flags) => {
                found.managed = flags.contains(NeighbourExtFlags::Managed);
            }
            _ => {}
        }
    }
    (addressed && (found.permanent || found.managed)).then_some(found)
}
