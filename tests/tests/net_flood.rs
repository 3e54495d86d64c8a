//! Flooding to many ports, on netfwd and on a bridge.

tests::on_switches!(tests::behaviour::flood => thousand_ports, order);
