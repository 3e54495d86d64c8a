//! Containers reach the outside with their host's address.

tests::on_stacks!(same: tests::behaviour::masquerade =>
    echo,
    udp,
    tcp,
    same_port_of_two_containers,
    tcp_bulk_out,
    udp_segment_out,
    many_connections,
    outside_has_no_way_in,
);
