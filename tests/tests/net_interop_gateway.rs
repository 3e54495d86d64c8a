//! The gateway that both hosts have, one of them without netfwd.

tests::on_stacks!(mixed: tests::behaviour::gateway => gateway_is_local, one_mac_everywhere);
