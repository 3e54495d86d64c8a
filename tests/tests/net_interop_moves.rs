//! Stations that move between a host with netfwd and one with the kernel's bridge and vxlan.

tests::on_stacks!(mixed: tests::behaviour::moves => by_broadcast, by_unicast);
