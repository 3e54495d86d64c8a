//! TCP bulk and UDP super-packets with offloads on and off.

tests::on_stacks!(same: tests::behaviour::offload =>
    defaults,
    no_segmentation_in_containers,
    no_checksums_in_containers,
    no_segmentation_on_uplinks,
    no_checksums_on_uplinks,
    gro_everywhere,
    gro_nowhere,
    nothing,
);
