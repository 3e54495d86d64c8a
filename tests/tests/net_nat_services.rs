//! Clients and servers as people run them, through netfwd and through nftables.

tests::on_sites!(tests::behaviour::nat::services =>
    web,
    names,
    throughput,
);
