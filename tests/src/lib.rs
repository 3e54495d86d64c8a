//! The harness of netfwd's tests: network namespaces, the two-host topology on netfwd or on its
//! kernel twin, packets, captures, traffic, and the BPF programs under `BPF_PROG_TEST_RUN`.
//!
//! Everything a test makes it removes, also when it fails, and nothing touches the machine's own
//! root network namespace. Names are unique, so tests run side by side.
//!
//! | to | take |
//! | --- | --- |
//! | show what a stack does, on netfwd and on the kernel | a function in [`behaviour`], named in a `net_*` test by [`on_stacks!`] |
//! | show what a switch does with frames, on netfwd and on a bridge | a function in [`behaviour::switching`], named in a `net_*` test by [`on_switches!`] |
//! | join netfwd with other makes of VTEP, over either family | an [`interop::Plan`] and a function in [`behaviour::interop`] |
//! | drive a daemon: kill it, reload it, ask it | [`topology::TwoHosts`] and its [`topology::Instance`] |
//! | show one verdict, one rewriting, one count | a [`prog::Fixture`] in a `prog_*` test |
//! | put a frame on a wire, or look for one | [`packet`], [`packet::RawSocket`], [`capture::Capture`] |
//! | hold `netfwd check` to what it finds, and to its remedies | [`findings`] |
//! | move data and know that all of it came | [`traffic`] |
//!
//! ```no_run
//! use tests::{topology::{Stack, TwoHosts}, traffic::{Ping, ping}};
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut hosts = TwoHosts::new(Stack::Netfwd)?;
//! ping(&hosts.c1.ns, hosts.c3.address, Ping::count(10))?.complete()?;
//! hosts.a.netfwd()?.kill()?;
//! ping(&hosts.c1.ns, hosts.c3.address, Ping::count(10))?.complete()?;
//! # Ok(())
//! # }
//! ```

pub mod behaviour;
pub mod built;
pub mod capture;
pub mod findings;
pub mod foreign;
pub mod fuzz;
pub mod interop;
pub mod netns;
pub mod openmetrics;
pub mod openvswitch;
pub mod packet;
pub mod process;
pub mod prog;
pub mod site;
pub mod ssh;
pub mod stun;
mod sweep;
pub mod switch;
pub mod topology;
pub mod traffic;
