//! Address translation: masquerade and published ports.

pub mod egress;
pub mod ingress;
mod rewrite;
mod session;
