//! Containers reach the outside by masquerade, on netfwd and on nftables.

use anyhow::Result;
use tests::{behaviour::nat::outgoing, site::Site, topology::Stack};

tests::on_sites!(tests::behaviour::nat::outgoing =>
    echo,
    tcp_and_udp,
    not_to_itself,
    same_port_of_two_containers,
    many_flows,
    bulk,
    large_datagrams,
    large_datagrams_of_two,
);

#[test]
fn no_way_in() -> Result<()> {
    outgoing::no_way_in(&Site::new(Stack::Netfwd)?)
}
