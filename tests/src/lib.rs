//! The harness of netfwd's tests: network namespaces, the two-host topology on netfwd or on its
//! kernel twin, packets, captures, traffic, and the BPF programs under `BPF_PROG_TEST_RUN`.
//!
//! Everything a test makes it removes, also when it fails, and nothing touches the machine's own
//! root network namespace.

pub mod behaviour;
pub mod built;
pub mod capture;
pub mod netns;
pub mod packet;
pub mod process;
pub mod prog;
mod sweep;
pub mod topology;
pub mod traffic;
