//! What the loader and the BPF programs share: the layout of every map, the numbered drop reasons,
//! and all logic that needs neither a packet buffer nor a map. It is `no_std`, so that one text runs
//! in the kernel and under the host's property tests.
#![no_std]

pub mod addr;
pub mod arp;
pub mod balance;
pub mod csum;
pub mod ecn;
pub mod flap;
pub mod flow;
pub mod fragment;
pub mod icmp;
pub mod icmp_error;
pub mod limits;
pub mod maps;
pub mod multicast;
pub mod nat;
pub mod nd;
pub mod outer;
pub mod places;
pub mod storm;
pub mod tcp;
pub mod tcp_mss;
pub mod verdict;
pub mod vxlan;
