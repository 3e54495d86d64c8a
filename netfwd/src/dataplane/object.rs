//! The BPF object, embedded by the build script.

/// The compiled programs and the definitions of their maps.
pub(super) static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netfwd-ebpf"));
