//! A switch of netfwd's beside one of the kernel's: what arrives where.

tests::on_switches!(tests::behaviour::switching =>
    learning,
    many_behind_one_port,
    moving,
    never_back,
    ageing,
    flooding,
    link_local,
    group_source,
    learning_off,
    unknown_unicast_off,
    isolation,
    static_entry,
    sticky_entry,
    hairpin,
    tags_are_payload,
    learning_limit,
);

#[test]
fn port_learning_limit() -> anyhow::Result<()> {
    tests::behaviour::switching::port_learning_limit()
}
