//! Segmentation between a host with netfwd and one with the kernel's bridge and vxlan.

tests::on_stacks!(mixed: tests::behaviour::segmentation =>
    every_setting,
    tcp_stays_together,
    tcp_comes_together,
    udp_stays_together,
);
