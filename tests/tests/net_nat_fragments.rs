//! NAT, beside the kernel's: datagrams in pieces, whose order is another.

tests::on_sites!(tests::behaviour::nat::fragments => outward, inward, orphans);
