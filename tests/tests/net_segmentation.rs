//! Segmentation across hosts, the same stack on both.

tests::on_stacks!(same: tests::behaviour::segmentation =>
    every_setting,
    tcp_stays_together,
    tcp_comes_together,
    udp_stays_together,
);
