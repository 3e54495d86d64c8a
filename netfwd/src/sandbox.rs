//! Namespaces for live tests.

use std::future::Future;

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::links::{Links, netns::Netns, veth::VethEnd};

/// Runs `work` in a new network namespace, with a BPF file system of its own, on a thread of its
/// own; without root the test is skipped.
pub fn in_new_netns<F: Future<Output = ()>>(work: impl FnOnce(Links) -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("new namespaces");
        private_bpffs();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async { work(Links::open("test").expect("netlink")).await });
    });
    thread.join().expect("the test passes");
}

/// Makes a veth pair in the namespace at hand, whose ends take packets of this size.
pub async fn pair(links: &Links, near: &str, far: &str, mtu: u32) {
    let end = |name: &str| VethEnd {
        name: name.into(),
        mac: None,
        mtu,
    };
    let made = links.add_veth(&end(near), &end(far), None).await;
    made.expect("a pair");
}

fn private_bpffs() {
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
    let none = MsFlags::empty();
    mount(Some("bpf"), "/sys/fs/bpf", Some("bpf"), none, None::<&str>).expect("a bpffs");
}

/// A namespace that lives as long as the returned value.
pub fn other_netns() -> Netns {
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace");
        Netns::current().expect("it opens")
    })
    .join()
    .expect("the thread ends")
}
