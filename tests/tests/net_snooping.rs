//! IP multicast on netfwd and on a bridge.

tests::on_switches!(tests::behaviour::snooping =>
    without_querier,
    igmp_v2,
    igmp_v3,
    mld_v1,
    mld_v2,
    always_flooded,
    set_router,
    switched_off,
    querier,
);
