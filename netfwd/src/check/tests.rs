//! Live tests: a configuration against a host that lacks things.

use super::*;
use crate::{
    config::{Config, XdpPolicy},
    links::veth::VethEnd,
    sandbox::in_new_netns,
};

fn config() -> Config {
    let mut config = Config::default();
    config.host.uplinks = vec!["eth0".into(), "absent".into()];
    config.host.xdp = XdpPolicy::Native;
    config
}

#[test]
fn what_is_wrong_is_found_with_its_remedy() {
    in_new_netns(|links| async move {
        let end = |name: &str| VethEnd {
            name: name.into(),
            mac: None,
            mtu: 1500,
        };
        links
            .add_veth(&end("eth0"), &end("far"), None)
            .await
            .expect("a pair");
        let findings = check(&config(), "test").await.expect("findings");
        let about = |object: &str, text: &str| {
            let found = findings
                .iter()
                .find(|f| f.object == object && f.finding.contains(text));
            found.unwrap_or_else(|| panic!("{object}: {text} in {findings:#?}"))
        };
        assert!(about("configuration", "absent does not exist").is_error());
        assert_eq!(about("eth0", "is down").severity, Severity::Warning);
        assert!(about("eth0", "no global IPv4").remedy.is_some());
        assert!(about("eth0", "veth loses").remedy.is_some());
        assert_eq!(about("kernel", "TCX").severity, Severity::Info);
        assert!(findings.is_sorted_by_key(|finding| finding.severity));
    });
}
