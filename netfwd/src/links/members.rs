//! The IPv6 multicast groups that interfaces are members of, whoever joined them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv6Addr};

/// The groups of each interface of the calling thread's namespace, by ifindex; none without IPv6.
pub fn members() -> BTreeMap<u32, BTreeSet<IpAddr>> {
    // Of the thread, which may be in another namespace than its process.
    parse(&fs::read_to_string("/proc/thread-self/net/igmp6").unwrap_or_default())
}

/// Lines of ifindex, name, group and more (net/ipv6/mcast.c, `igmp6_mc_seq_show`).
fn parse(table: &str) -> BTreeMap<u32, BTreeSet<IpAddr>> {
    let mut members: BTreeMap<u32, BTreeSet<IpAddr>> = BTreeMap::new();
    for line in table.lines() {
        let mut fields = line.split_whitespace();
        let (Some(index), Some(group)) = (fields.next(), fields.nth(1)) else {
            continue;
        };
        let group = u128::from_str_radix(group, 16).map(Ipv6Addr::from);
        if let (Ok(index), Ok(group)) = (index.parse(), group) {
            members.entry(index).or_default().insert(group.into());
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::tests::{end, named};
    use crate::sandbox::in_new_netns;

    /// A link that goes down loses its IPv6 addresses and stays a member of what was joined by them
    /// (net/ipv6/addrconf.c, `addrconf_ifdown`): the kernel refuses to join again, which is no error.
    #[test]
    fn a_link_that_was_down_is_still_a_member() {
        in_new_netns(|links| async move {
            links
                .add_veth(&end("up0"), &end("wire"), None)
                .await
                .expect("a pair");
            let index = named(&links, "up0").await.index;
            let group: IpAddr = "ff05::100".parse().expect("a group");
            links.set_up(index, true).await.expect("up");
            assert!(!members()[&index].contains(&group));
            links.join_group(index, group).await.expect("joined");
            for up in [false, true] {
                assert!(members()[&index].contains(&group), "{up}");
                links.set_up(index, up).await.expect("another state");
            }
            links.join_group(index, group).await.expect("a member");
            assert!(members()[&index].contains(&group));
        });
    }

    #[test]
    fn what_is_no_table_is_nobody_s() {
        assert_eq!(parse(""), BTreeMap::new());
        assert_eq!(parse("1 lo\nx lo ff02\n2 lo zz 1\n"), BTreeMap::new());
    }
}
