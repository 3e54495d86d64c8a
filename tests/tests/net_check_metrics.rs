//! `netfwd check` says where figures cannot be served, and what it says comes true at a start.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use tests::{findings::Findings, netns::Namespace, topology::Instance};

const PORT: &str = "9477";
const OCCUPIED: [&str; 3] = ["metrics", "in use", "ss -ltn"];

fn with(at: &str) -> String {
    format!("[metrics]\nlisten = \"{at}\"\n[[network]]\nname = \"blue\"\n")
}

/// The findings with a listener there.
fn of(instance: &Instance, at: &str) -> Result<Findings> {
    instance.write(&with(at))?;
    Findings::of(instance)
}

#[test]
fn an_address_of_nobody_here_is_found() -> Result<()> {
    let ns = Namespace::new("hs")?;
    let mut instance = Instance::new(&ns, "")?;
    of(&instance, "127.0.0.1:9477")?.none(&["metrics cannot listen"])?;
    for at in ["192.0.2.7:9477", "[2001:db8::7]:9477"] {
        let words = ["metrics", at, ":2:", "an address of this host"];
        of(&instance, at)?.one("error", &words)?;
        ensure!(
            instance.start().is_err(),
            "it starts with {at} all the same"
        );
    }
    Ok(())
}

#[test]
fn an_occupied_port_is_found() -> Result<()> {
    let ns = Namespace::new("hs")?;
    let mut instance = Instance::new(&ns, "")?;
    let there = format!("127.0.0.2:{PORT}");
    let other = ns.within(|| TcpListener::bind(&there))?;
    for at in [&there, "0.0.0.0:9477", "[::]:9477"] {
        of(&instance, at)?.one("error", &OCCUPIED)?;
        ensure!(
            instance.start().is_err(),
            "it starts with {at} all the same"
        );
    }
    of(&instance, "127.0.0.1:9477")?.none(&["metrics cannot listen"])?;
    drop(other);
    of(&instance, "0.0.0.0:9477")?.none(&["metrics cannot listen"])?;
    instance.start()
}

#[test]
fn the_daemons_own_listener_is_nobodys_fault() -> Result<()> {
    let ns = Namespace::new("hs")?;
    let mut instance = Instance::new(&ns, &with("127.0.0.1:9477"))?;
    instance.start()?;
    for at in ["127.0.0.1:9477", "0.0.0.0:9477", "[::]:9477"] {
        of(&instance, at)?.none(&["metrics cannot listen"])?;
    }
    let _other = ns.within(|| TcpListener::bind("127.0.0.2:9477"))?;
    of(&instance, "127.0.0.1:9477")?.none(&["metrics cannot listen"])?;
    of(&instance, "0.0.0.0:9477")?.one("error", &OCCUPIED)?;
    instance.kill()?;
    let _another = ns.within(|| TcpListener::bind("127.0.0.1:9477"))?;
    of(&instance, "127.0.0.1:9477")?.one("error", &OCCUPIED)?;
    Ok(())
}
