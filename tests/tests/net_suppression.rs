//! ARP and ND suppression on netfwd and on a bridge.

tests::on_switches!(tests::behaviour::suppression =>
    arp_known,
    arp_unknown,
    arp_announcement_and_probe,
    arp_unicast,
    arp_from_peer,
    arp_near,
    nd_known,
    nd_unknown,
    nd_announcement_and_probe,
    nd_unicast,
    nd_from_peer,
);
