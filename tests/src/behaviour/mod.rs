//! What a stack must do, as functions of a running topology: each runs on netfwd, on the kernel
//! twin, and on one of each, so that a test that the kernel would fail as well is noticed.

pub mod dhcp;
pub mod flood;
pub mod gateway;
pub mod guarding;
pub mod injection;
pub mod interop;
pub mod lldp;
pub mod local;
pub mod masquerade;
pub mod moves;
pub mod mtu;
pub mod nat;
pub mod offload;
pub mod outside;
pub mod overlay;
pub mod publish;
pub mod segmentation;
pub mod snooping;
pub mod suppression;
pub mod switching;
pub mod vlan;

/// Declares one test per behaviour and pair of stacks: in the module `on_netfwd` both hosts run
/// netfwd, in `on_twin` the kernel twin; `mixed` makes `a_is_netfwd` and `b_is_netfwd`, where the
/// other host is the twin.
///
/// ```ignore
/// tests::on_stacks!(same: tests::behaviour::local => ping, broadcast);
/// tests::on_stacks!(mixed: tests::behaviour::overlay => ping);
/// ```
#[macro_export]
macro_rules! on_stacks {
    (same: $from:path => $($behaviour:ident),* $(,)?) => {
        $crate::on_stacks!(@module on_netfwd, Netfwd, Netfwd, $from => $($behaviour),*);
        $crate::on_stacks!(@module on_twin, Kernel, Kernel, $from => $($behaviour),*);
    };
    (mixed: $from:path => $($behaviour:ident),* $(,)?) => {
        $crate::on_stacks!(@module a_is_netfwd, Netfwd, Kernel, $from => $($behaviour),*);
        $crate::on_stacks!(@module b_is_netfwd, Kernel, Netfwd, $from => $($behaviour),*);
    };
    (@module $name:ident, $a:ident, $b:ident, $from:path => $($behaviour:ident),*) => {
        mod $name {
            use $crate::topology::{Options, Stack};
            use $from as behaviour;
            $(
                #[test]
                fn $behaviour() -> anyhow::Result<()> {
                    let hosts = Options::mixed(Stack::$a, Stack::$b).start()?;
                    behaviour::$behaviour(&hosts)
                }
            )*
        }
    };
}

/// Declares one test per behaviour of a switch, each a function of its make: in the module
/// `on_netfwd` and in `on_bridge`, its kernel twin, or with `vlan:` in `on_open_vswitch`.
#[macro_export]
macro_rules! on_switches {
    (vlan: $from:path => $($behaviour:ident),* $(,)?) => {
        $crate::on_switches!(@module on_netfwd, Netfwd, $from => $($behaviour),*);
        $crate::on_switches!(@module on_open_vswitch, OpenVswitch, $from => $($behaviour),*);
    };
    ($from:path => $($behaviour:ident),* $(,)?) => {
        $crate::on_switches!(@module on_netfwd, Netfwd, $from => $($behaviour),*);
        $crate::on_switches!(@module on_bridge, Bridge, $from => $($behaviour),*);
    };
    (@module $name:ident, $make:ident, $from:path => $($behaviour:ident),*) => {
        mod $name {
            use $from as behaviour;
            $(
                #[test]
                fn $behaviour() -> anyhow::Result<()> {
                    behaviour::$behaviour($crate::switch::Make::$make)
                }
            )*
        }
    };
}

/// Declares one test per behaviour of NAT: in the module `on_netfwd`, and in `on_twin` with the kernel's own.
/// The module that the behaviours are in has a function `plan` that tells their site.
#[macro_export]
macro_rules! on_sites {
    ($from:path => $($behaviour:ident),* $(,)?) => {
        $crate::on_sites!(@module on_netfwd, Netfwd, $from => $($behaviour),*);
        $crate::on_sites!(@module on_twin, Kernel, $from => $($behaviour),*);
    };
    (@module $name:ident, $stack:ident, $from:path => $($behaviour:ident),*) => {
        mod $name {
            use $from as behaviour;
            $(
                #[test]
                fn $behaviour() -> anyhow::Result<()> {
                    let plan = behaviour::plan($crate::topology::Stack::$stack)?;
                    behaviour::$behaviour(&plan.start()?)
                }
            )*
        }
    };
}
