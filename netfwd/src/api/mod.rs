//! The control socket: HTTP and JSON on a Unix socket. What goes over it, and the server.

mod asked;
mod server;
mod socket;
mod wire;

pub use server::serve;
pub use socket::{Lock, SocketError, bind, path};
pub use wire::{Failure, FdbQuery, Flushed, NeighQuery, PortQuery, SessionQuery, Status};
