//! Path MTU: errors to senders, with and without the clamp, over a narrower and a wider underlay.

use anyhow::Result;
use tests::{
    behaviour::mtu,
    topology::{Options, Stack, TwoHosts, Underlay},
};

tests::on_stacks!(same: tests::behaviour::mtu =>
    ipv4_senders_are_told,
    ipv6_senders_are_told,
    errors_are_the_kernels,
    tcp,
    the_gateway_tells,
);

tests::on_stacks!(mixed: tests::behaviour::mtu => ipv4_senders_are_told, tcp);

/// Both hosts with netfwd, and the clamp off: nothing but ICMP tells what fits.
fn without_clamp() -> Result<TwoHosts> {
    Options::both(Stack::Netfwd)
        .host("[vxlan]\nmss_clamp = false\n")
        .start()
}

#[test]
fn path_mtu_discovery_alone_is_enough() -> Result<()> {
    mtu::tcp(&without_clamp()?)
}

#[test]
fn senders_without_df_get_through() -> Result<()> {
    mtu::tcp_without_df(&without_clamp()?)
}

#[test]
fn the_clamp_alone_is_enough() -> Result<()> {
    mtu::tcp_without_icmp(&TwoHosts::new(Stack::Netfwd)?)
}

#[test]
fn a_narrower_underlay_is_found_out() -> Result<()> {
    let hosts = Options::both(Stack::Netfwd)
        .host("[vxlan]\nmss_clamp = false\n")
        .over(Underlay::Router(1400))
        .start()?;
    mtu::underlay_router(&hosts, 1350)
}

#[test]
fn jumbo_frames_cross() -> Result<()> {
    let hosts = Options::both(Stack::Netfwd)
        .over(Underlay::Wire(9000))
        .start()?;
    mtu::jumbo(&hosts, 8950)
}
