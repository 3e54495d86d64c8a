//! What a cleanup removes.

use super::*;
use crate::{
    apply::apply,
    dataplane::{Dataplane, LoadOptions},
    desired::Attach,
    observed::{Hook, HookAt, Program},
    plan::{Action, PairPeer},
    sandbox::in_new_netns,
};

#[test]
fn exactly_what_was_made_is_removed() {
    in_new_netns(|links| async move {
        let options = LoadOptions {
            no_tcx: true,
            ..LoadOptions::default()
        };
        let mut dataplane = Dataplane::open("test", &options).expect("it loads");
        let pair = Action::CreatePair {
            name: "gw0".into(),
            mtu: 1500,
            peer: PairPeer::Here("nfg1".into()),
        };
        apply(&mut dataplane, &links, &[pair])
            .await
            .expect("applied");
        let attach = Action::Attach {
            at: HookAt::new("lo", Hook::Ingress),
            ifindex: 1,
            attach: Attach::tc(Program::UplinkIngress),
        };
        apply(&mut dataplane, &links, &[attach])
            .await
            .expect("applied");
        let removed = cleanup("test", State::Goes).await.expect("all gone");
        for what in [
            "ingress of lo",
            "qdisc of lo",
            "interface gw0",
            "/sys/fs/bpf/netfwd/test",
        ] {
            assert!(
                removed.iter().any(|r| r.contains(what)),
                "{what} in {removed:?}"
            );
        }
        let names: Vec<String> = links
            .list()
            .await
            .expect("a list")
            .into_iter()
            .map(|l| l.name)
            .collect();
        assert_eq!(names, ["lo"]);
        assert_eq!(
            cleanup("test", State::Goes).await.expect("nothing left"),
            Vec::<String>::new()
        );
    });
}
