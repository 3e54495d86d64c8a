//! NAT, beside the kernel's: outgoing.

tests::on_sites!(tests::behaviour::nat::outgoing =>
    echo, tcp_and_udp, not_to_itself, same_port_of_two_containers, many_flows, bulk, large_datagrams, large_datagrams_of_two, no_way_in
);
