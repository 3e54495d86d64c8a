//! NAT, beside the kernel's: services.

tests::on_sites!(tests::behaviour::nat::services =>
    web, names, throughput
);
