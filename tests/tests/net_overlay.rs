//! Containers of two hosts over VXLAN, the same stack on both.

tests::on_stacks!(same: tests::behaviour::overlay =>
    ping_all,
    full_mtu,
    fragments,
    tcp,
    udp_segment,
    ipv6,
    wire_format,
    broadcast_crosses_once,
);
