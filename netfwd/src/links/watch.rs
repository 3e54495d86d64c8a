//! Following what changes.

use futures::{Stream, StreamExt};
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::{MulticastGroup, packet_core::NetlinkPayload};

use super::{LinkError, Links, Tried};

impl Links {
    /// A tick whenever an interface, an address, a neighbour or a filter of the calling thread's
    /// namespace changed. What changed is read again, so that a lost event costs nothing but time.
    pub fn watch() -> Result<impl Stream<Item = ()> + Unpin + Send, LinkError> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Neigh,
            MulticastGroup::Tc,
        ];
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(&groups)
            .tried(|| "follow the changes of interfaces".into())?;
        tokio::spawn(connection);
        Ok(Box::pin(messages.filter_map(move |(message, _)| {
            // The connection ends when its last handle goes.
            let _open = &handle;
            std::future::ready(is_change(&message.payload).then_some(()))
        })))
    }
}

fn is_change(payload: &NetlinkPayload<RouteNetlinkMessage>) -> bool {
    matches!(
        payload,
        NetlinkPayload::InnerMessage(
            RouteNetlinkMessage::NewLink(_)
                | RouteNetlinkMessage::DelLink(_)
                | RouteNetlinkMessage::NewAddress(_)
                | RouteNetlinkMessage::DelAddress(_)
                | RouteNetlinkMessage::NewNeighbour(_)
                | RouteNetlinkMessage::DelNeighbour(_)
                | RouteNetlinkMessage::DelQueueDiscipline(_)
                | RouteNetlinkMessage::DelTrafficFilter(_)
        )
    )
}
