//! Clients and servers as people run them.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{
    netns::Namespace,
    process::{Running, TIMEOUT, eventually},
    site::{Family, HOST, OUTSIDE, Plan, Site, over_both},
    topology::Stack,
    traffic::iperf,
};

/// Publishes a web server and a name server.
pub fn plan(stack: Stack) -> Result<Plan> {
    let plan = Plan::on(stack);
    Ok(plan.publish_both(8080, 80).publish_both(5353, 53))
}

/// A folder with a file to fetch; it goes with its guard.
struct Pages(PathBuf);

const PAGE: &str = "a page of a web server\n";

impl Pages {
    fn new(of: &Namespace) -> Result<Self> {
        let folder = env::temp_dir().join(format!("{}-pages", of.name()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("page"), PAGE.repeat(10_000))?;
        Ok(Self(folder))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn web_server(ns: &Namespace, port: u16, pages: &Pages) -> Result<Running> {
    let folder = pages.0.display();
    let server = ns.spawn(&format!("busybox httpd -f -p [::]:{port} -h {folder}"))?;
    eventually("a web server", TIMEOUT, || {
        Ok(ns
            .attempt("ss -Hltn")?
            .stdout
            .contains(&format!(":{port} ")))
    })?;
    Ok(server)
}

fn fetches(client: &Namespace, authority: &str) -> Result<()> {
    let got = client.run(&format!("curl -sS -m 5 http://{authority}/page"))?;
    ensure!(got.stdout == PAGE.repeat(10_000), "the page is another");
    Ok(())
}

/// HTTP by curl, of a server outside and of a published one.
pub fn web(site: &Site) -> Result<()> {
    let pages = Pages::new(&site.host)?;
    let _outside = web_server(&site.outside, 8000, &pages)?;
    let _inside = web_server(&site.c1.ns, 80, &pages)?;
    over_both(|family| {
        fetches(&site.c1.ns, &authority(family, OUTSIDE.of(family), 8000))?;
        fetches(&site.outside, &authority(family, HOST.of(family), 8080))
    })
}

fn authority(family: Family, address: std::net::IpAddr, port: u16) -> String {
    match family {
        Family::V4 => format!("{address}:{port}"),
        Family::V6 => format!("[{address}]:{port}"),
    }
}

fn name_server(ns: &Namespace) -> Result<Running> {
    let mut server = ns.spawn(
        "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --log-facility=- \
         --port=53 --pid-file= --user=root --address=/story.test/192.0.2.7",
    )?;
    server.wait_for("started", TIMEOUT)?;
    Ok(server)
}

fn resolves(client: &Namespace, at: &str) -> Result<()> {
    for how in ["+notcp", "+tcp"] {
        let line = format!("dig +short +tries=2 +time=2 {how} {at} story.test");
        let said = client.run(&line)?;
        ensure!(said.stdout.trim() == "192.0.2.7", "{said}");
    }
    Ok(())
}

/// DNS by dig, by UDP and by TCP, of a server outside and of a published one.
pub fn names(site: &Site) -> Result<()> {
    let _servers = [name_server(&site.outside)?, name_server(&site.c1.ns)?];
    over_both(|family| {
        resolves(&site.c1.ns, &format!("@{}", OUTSIDE.of(family)))?;
        resolves(&site.outside, &format!("@{} -p 5353", HOST.of(family)))
    })
}

/// iperf3 out of a container.
pub fn throughput(site: &Site) -> Result<()> {
    over_both(|family| {
        let rate = iperf(&site.outside, OUTSIDE.of(family), &site.c1.ns, 1);
        let rate = rate.context("iperf3")?;
        println!("{family:?}: {:.2} Gbit/s", rate / 1e9);
        Ok(())
    })
}
