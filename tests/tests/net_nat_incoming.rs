//! The outside reaches containers by published ports, on netfwd and on nftables.

tests::on_sites!(tests::behaviour::nat::incoming =>
    clients_are_seen,
    large_datagrams,
    other_ports_are_the_hosts,
    its_container_goes_out,
);
