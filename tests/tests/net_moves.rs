//! Stations that move between hosts, the same stack on both.

tests::on_stacks!(same: tests::behaviour::moves => by_broadcast, by_unicast);
