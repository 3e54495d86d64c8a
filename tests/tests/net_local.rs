//! Containers and the gateway of one host.

tests::on_stacks!(same: tests::behaviour::local =>
    ping_both_ways,
    full_mtu,
    gateway,
    host_service,
    tcp,
    broadcast_reaches_all_but_the_sender,
    unicast_reaches_one_port,
    link_local_stays,
    moved_station_is_found,
);
