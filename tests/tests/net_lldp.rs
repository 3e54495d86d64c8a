//! lldpd through netfwd and through a bridge.

tests::on_switches!(tests::behaviour::lldp => both_ends);
