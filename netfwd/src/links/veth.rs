//! Making veth pairs.

use std::os::fd::{AsFd, AsRawFd};

use netfwd_common::addr::Mac;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkMessage};
use nix::errno::Errno;
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::{LinkError, Links, Tried, netns::Netns};

/// One end of a pair to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VethEnd {
    /// Its name.
    pub name: String,
    /// Its MAC address; the kernel chooses where there is none.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
}

impl VethEnd {
    fn builder(&self) -> LinkMessageBuilder<LinkUnspec> {
        let link = LinkMessageBuilder::<LinkUnspec>::new()
            .name(&self.name)
            .mtu(self.mtu);
        match self.mac {
            Some(mac) => link.address(mac.to_vec()),
            None => link,
        }
    }
}

impl Links {
    /// Makes a pair with both ends down, the second in `netns` where one is given, and marks the ends
    /// that are in this namespace with the instance's alias.
    pub async fn add_veth(
        &self,
        end: &VethEnd,
        other: &VethEnd,
        netns: Option<&Netns>,
    ) -> Result<(), LinkError> {
        let message = pair(end, other, netns);
        let done = self.handle.link().add(message).execute().await;
        let done = done.tried(|| format!("make veth pair {} – {}", end.name, other.name));
        done.map_err(|error| of_netns(error, &other.name, netns))?;
        let marked = self.mark_pair(end, other, netns).await;
        self.or_none(&end.name, marked).await
    }

    /// RTM_NEWLINK ignores an alias when it creates (net/core/rtnetlink.c, `rtnl_create_link`), so it takes
    /// a request of its own.
    async fn mark_pair(
        &self,
        end: &VethEnd,
        other: &VethEnd,
        netns: Option<&Netns>,
    ) -> Result<(), LinkError> {
        self.mark(&end.name).await?;
        if netns.is_none() {
            self.mark(&other.name).await?;
        }
        Ok(())
    }

    /// Deletes an interface that was made and could not be marked: nobody would know whose it is.
    pub(super) async fn or_none<T>(
        &self,
        name: &str,
        marked: Result<T, LinkError>,
    ) -> Result<T, LinkError> {
        if marked.is_err()
            && let Ok(Some(link)) = self.find(name).await
            && let Err(error) = self.delete(link.index).await
        {
            tracing::warn!("{error}");
        }
        marked
    }

    pub(super) async fn mark(&self, name: &str) -> Result<u32, LinkError> {
        let found = self.find(name).await?.ok_or(nix::errno::Errno::ENODEV);
        let index = found.tried(|| format!("find interface {name}"))?.index;
        self.set_alias(index, &self.alias).await?;
        Ok(index)
    }
}

/// Where the other end was to be in another namespace, that is what has to be said.
fn of_netns(error: LinkError, name: &str, netns: Option<&Netns>) -> LinkError {
    let (Some(netns), Some(Errno::EEXIST)) = (netns, error.errno()) else {
        return error;
    };
    let netns = netns.name();
    let what = format!("make interface {name} in network namespace {netns}");
    LinkError::new(what, error.source).helped_by(format!(
        "rename or remove the one that is there (`ip -n {netns} link`), or choose another `name`"
    ))
}

fn pair(end: &VethEnd, other: &VethEnd, netns: Option<&Netns>) -> LinkMessage {
    let mut far = other.builder();
    if let Some(netns) = netns {
        far = far.setns_by_fd(netns.fd().as_fd().as_raw_fd());
    }
    let mut message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Veth)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(far.build())))
        .build();
    let near = end.builder().build();
    message.attributes.extend(near.attributes);
    message
}
