//! netfwd on one host, the kernel's bridge and vxlan on the other, both ways round.

tests::on_stacks!(mixed: tests::behaviour::overlay =>
    ping_all,
    full_mtu,
    fragments,
    tcp,
    udp_segment,
    ipv6,
    wire_format,
    broadcast_crosses_once,
);
