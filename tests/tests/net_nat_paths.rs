//! Hops and MTUs are found out through NAT, on netfwd and on nftables.

tests::on_sites!(tests::behaviour::nat::paths =>
    ping_is_told,
    tcp_learns_going_out,
    tcp_learns_from_a_published_port,
    traceroute_udp,
    traceroute_icmp,
    traceroute_tcp,
    traceroute_to_a_published_port,
);
