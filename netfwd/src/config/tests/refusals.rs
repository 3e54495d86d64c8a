//! Bad input.

use super::{Bad, all_refused};

/// Each bad input, and what the error must say.
const BAD: Bad = &[
    ("[host\n", &["f.toml:1", "not valid TOML"]),
    (
        "[host]\nname = \"a\"\nname = \"b\"",
        &["f.toml:3", "`name`", "duplicate key"],
    ),
    (
        "\n[hots]\n",
        &[
            "f.toml:2",
            "unknown key `hots`",
            "accepted are host, vxlan, nat, routing, metrics, network",
        ],
    ),
    (
        "[host]\nvtap = \"1.2.3.4\"",
        &["f.toml:2", "unknown key `vtap` in [host]", "vtep"],
    ),
    (
        "[metrics]\nlisten = \"x\"",
        &[
            "f.toml:2",
            "`listen` in [metrics] cannot be \"x\"",
            "\"127.0.0.1:9477\"",
        ],
    ),
    (
        "[metrics]\nlisten = \"127.0.0.1:0\"",
        &["f.toml:2", "an IP address of this host and a port"],
    ),
    (
        "[metrics]\nport = 9477",
        &[
            "f.toml:2",
            "unknown key `port` in [metrics]; accepted are listen",
        ],
    ),
    (
        "[host]\nxdp = \"on\"",
        &["f.toml:2", "\"auto\", \"native\", \"generic\" or \"off\""],
    ),
    ("[host]\nuplinks = \"eth0\"", &["f.toml:2", "an array"]),
    (
        "[host]\nuplinks = [\"a-name-too-long-for-linux\"]",
        &["1 to 15 characters"],
    ),
    (
        "[vxlan]\nport = 0",
        &["f.toml:2", "a number from 1 to 65535"],
    ),
    (
        "[vxlan]\nsource_ports = [5, 4]",
        &["f.toml:2", "the lower first"],
    ),
    (
        "[vxlan]\ntos = 256",
        &["f.toml:2", "\"inherit\" or a number from 0 to 255"],
    ),
    (
        "[nat.timeouts]\nudp = \"119s\"",
        &["f.toml:2", "at least 120s (RFC 4787 REQ-5)"],
    ),
    (
        "[nat.timeouts]\ntcp_established = \"2h\"",
        &["at least 7440s (RFC 5382 REQ-5)"],
    ),
    (
        "[nat.timeouts]\ntcp_transitory = \"10s\"",
        &["at least 240s (RFC 5382 REQ-5)"],
    ),
    (
        "[nat.timeouts]\nicmp = \"30s\"",
        &["at least 60s (RFC 5508 REQ-2)"],
    ),
    (
        "[nat.timeouts]\nicmp = 60",
        &["a duration such as \"300s\""],
    ),
    (
        "[[network]]\nvni = 1",
        &["f.toml:1", "[[network]] needs `name`"],
    ),
    (
        "[[network]]\nname = \"a/b\"",
        &["f.toml:2", "letters, digits"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 16777216",
        &["f.toml:3", "from 1 to 16777215"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 0",
        &["f.toml:3", "from 1 to 16777215"],
    ),
    (
        "[[network]]\nname = \"a\"\nmtu = 100",
        &["f.toml:3", "from 576 to 65535"],
    ),
    (
        "[[network]]\nname = \"a\"\nageing = \"1s\"",
        &["f.toml:3", "from 10s to 1000000s"],
    ),
    (
        "[[network]]\nname = \"a\"\nageing = \"300\"",
        &["f.toml:3", "a duration"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.floating]]\nexternal = \"1.1.1.1\"",
        &["f.toml:3", "[[network.floating]] needs `internal`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\nisolated = true",
        &["f.toml:3", "either `interface`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\nnetns = \"c\"\nname = \"e\"\nmac = \"03:00:00:00:00:01\"",
        &["f.toml:6", "a unicast MAC"],
    ),
    (
        "[[network]]\nname = \"a\"\n[network.gateway]\naddresses = [\"10.0.0.0/24\"]",
        &["f.toml:4", "an address with its prefix"],
    ),
    (
        "[[network]]\nname = \"a\"\n[network.gateway]\nmasquerade = true",
        &["f.toml:3", "needs an address in `addresses`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.publish]]\nlisten = \"80\"\nto = \"10.0.0.2:80\"",
        &["f.toml:4", "/tcp, /udp or /sctp"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.publish]]\nlisten = \"80/tcp\"\nto = \"10.0.0.2\"",
        &["f.toml:5", "address:port"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.publish]]\nlisten = \"80/tcp\"\nto = \"10.0.0.2:80\"",
        &["f.toml:3", "in no subnet of network a's gateway"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.fdb]]\nmac = \"02:00:00:00:00:01\"\nport = \"x\"",
        &["f.toml:3", "network a has no port x"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\n[[network]]\nname = \"b\"\nvni = 1",
        &["f.toml:4", "VNI 1 is already used (f.toml:1)"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network]]\nname = \"a\"",
        &["f.toml:3", "network a is already used (f.toml:1)"],
    ),
    (
        "[host]\nuplinks = [\"x\"]\n[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"",
        &["f.toml:5", "interface x is already used (f.toml:2)"],
    ),
];

#[test]
fn bad_input_is_refused_with_its_place_and_what_would_do() {
    all_refused(BAD);
}
