//! Errors come through NAT, on netfwd and on nftables.

tests::on_sites!(tests::behaviour::nat::errors =>
    tcp_refused,
    udp_refused,
    published_and_refused,
    unreachable,
);
