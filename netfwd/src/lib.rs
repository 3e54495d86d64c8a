//! The loader: reads what should be, observes what is, plans the difference, applies it, and shows it.
//!
//! The modules and who may call whom: [`config`], [`ids`] and [`runtime`] say what should be;
//! [`desired`] resolves them into devices, hooks and map contents; [`plan`] compares these with
//! [`observed`]. None of the last three does I/O. [`observe`] and [`apply`] do, through [`links`]
//! (netlink) and [`dataplane`] (aya). [`daemon`] runs them in that order, [`api`] and [`client`] are
//! the two ends of its socket, [`show`] reads the maps without it, and [`cli`] stands before all.

// Both panic where nothing can be written; `cli::output` and the log do not.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod address;
pub mod ageing;
pub mod announce;
pub mod api;
pub mod apply;
pub mod check;
pub mod cleanup;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod dataplane;
pub mod desired;
pub mod echo;
pub mod events;
pub mod health;
pub mod ids;
pub mod links;
pub mod metrics;
pub mod naming;
pub mod observe;
pub mod observed;
pub mod plan;
pub mod protocol;
pub mod querier;
pub mod runtime;
pub mod show;
pub mod targets;

#[cfg(test)]
mod sandbox;
