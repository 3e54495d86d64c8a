//! Live tests: a configuration against a host that lacks things.

use super::*;
use crate::{
    config::{Config, XdpPolicy},
    sandbox::{in_new_netns, pair},
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
        pair(&links, "eth0", "far", 1500).await;
        let findings = check(&config(), "test").await.expect("findings");
        let about = |object: &str, text: &str| {
            let found = findings
                .iter()
                .find(|f| f.object == object && f.finding.contains(text));
            found.unwrap_or_else(|| panic!("{object}: {text} in {findings:#?}"))
        };
        assert!(about("configuration", "absent does not exist").is_error());
        assert_eq!(about("eth0", "is down").severity, Severity::Warning);
        assert_eq!(about("eth0", "no global IPv4").severity, Severity::Warning);
        assert!(about("eth0", "veth loses").remedy.contains("auto"));
        assert_eq!(about("kernel", "BTF").remedy, NOTHING);
        let without = findings.iter().find(|finding| finding.remedy.is_empty());
        assert_eq!(without, None, "each has its remedy");
        assert_eq!(about("kernel", "TCX").severity, Severity::Info);
        assert!(findings.is_sorted_by_key(|finding| finding.severity));
    });
}
