//! The outside reaches containers by published ports.

tests::on_stacks!(same: tests::behaviour::publish =>
    tcp,
    udp,
    other_ports_are_the_hosts,
    published_container_goes_out,
);
