//! One frame through one program.

use anyhow::{Context, Result, bail};
use aya::{
    Ebpf,
    programs::{TestRun, TestRunOptions},
};

use super::object;

/// Room for a frame that grew by its encapsulation, or became a fragment that has waited for it.
const GROWTH: usize = 256 + netfwd_common::fragment::HELD_OCTETS;

/// A hook, and so a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// TC ingress of a port.
    PortIngress,
    /// TC ingress of an uplink.
    UplinkIngress,
    /// TC egress of an uplink.
    UplinkEgress,
    /// TC ingress of the companion device.
    OverlayIngress,
    /// XDP on an uplink.
    UplinkXdp,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 5] = [
        Self::PortIngress,
        Self::UplinkIngress,
        Self::UplinkEgress,
        Self::OverlayIngress,
        Self::UplinkXdp,
    ];

    /// The program's name in the object.
    pub const fn program(self) -> &'static str {
        match self {
            Self::PortIngress => "port_ingress",
            Self::UplinkIngress => "uplink_ingress",
            Self::UplinkEgress => "uplink_egress",
            Self::OverlayIngress => "overlay_ingress",
            Self::UplinkXdp => "uplink_xdp",
        }
    }
}

/// What a program said should become of a frame, for TC and XDP alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The stack goes on: TC_ACT_OK, XDP_PASS.
    Pass,
    /// It ends here, dropped or served by its clones: TC_ACT_SHOT, XDP_DROP.
    Shot,
    /// It goes to another interface: TC_ACT_REDIRECT, XDP_REDIRECT.
    Redirect,
}

impl Verdict {
    fn of_tc(value: u32) -> Result<Self> {
        Ok(match value {
            0 => Self::Pass,
            2 => Self::Shot,
            7 => Self::Redirect,
            other => bail!("TC program returned {other}"),
        })
    }

    fn of_xdp(value: u32) -> Result<Self> {
        Ok(match value {
            1 => Self::Shot,
            2 => Self::Pass,
            4 => Self::Redirect,
            other => bail!("XDP program returned {other}"),
        })
    }
}

/// What a run left.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The verdict.
    pub verdict: Verdict,
    /// The frame as the program left it.
    pub frame: Vec<u8>,
}

/// Runs the hook's program on a frame that arrives on an interface of the caller's namespace.
pub fn run(ebpf: &mut Ebpf, hook: Hook, ifindex: u32, frame: &[u8]) -> Result<Ran> {
    let context = match hook {
        Hook::UplinkXdp => xdp_context(ifindex, frame.len()),
        _ => skb_context(ifindex, 0),
    };
    run_with(ebpf, hook, &context, frame)
}

/// The same, with a super-packet whose segments have so many octets; `gso_size` of its `skb_shared_info`. It says nothing of
/// what the segments are.
pub fn run_super(ebpf: &mut Ebpf, on: (Hook, u32), frame: &[u8], segment: u32) -> Result<Ran> {
    let (hook, ifindex) = on;
    run_with(ebpf, hook, &skb_context(ifindex, segment), frame)
}

fn run_with(ebpf: &mut Ebpf, hook: Hook, context: &[u8], frame: &[u8]) -> Result<Ran> {
    let mut out = vec![0; frame.len() + GROWTH];
    let options = TestRunOptions {
        data_in: Some(frame),
        data_out: Some(&mut out),
        ctx_in: Some(context),
        ..TestRunOptions::default()
    };
    let described = || format!("{} on {} octets", hook.program(), frame.len());
    let (result, of) = match hook {
        Hook::UplinkXdp => (
            object::xdp(ebpf, hook)?.test_run(options),
            Verdict::of_xdp as fn(u32) -> Result<Verdict>,
        ),
        _ => (
            object::classifier(ebpf, hook)?.test_run(options),
            Verdict::of_tc as _,
        ),
    };
    let result = result.with_context(described)?;
    out.truncate(result.data_size_out as usize);
    Ok(Ran {
        verdict: of(result.return_value).with_context(described)?,
        frame: out,
    })
}

/// `struct __sk_buff` with its `ifindex` and its `gso_size`; the kernel refuses most other fields.
fn skb_context(ifindex: u32, gso_size: u32) -> Vec<u8> {
    const LEN: usize = 192;
    const IFINDEX: usize = 40;
    const GSO_SIZE: usize = 176;
    let mut context = vec![0; LEN];
    for (at, field) in [(IFINDEX, ifindex), (GSO_SIZE, gso_size)] {
        context[at..at + 4].copy_from_slice(&field.to_ne_bytes());
    }
    context
}

/// `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
fn xdp_context(ifindex: u32, len: usize) -> Vec<u8> {
    [0, len as u32, 0, ifindex, 0, 0]
        .iter()
        .flat_map(|field: &u32| field.to_ne_bytes())
        .collect()
}
