//! The companion: a kernel VXLAN device that takes what the fast path cannot finish.

use rtnetlink::LinkVxlan;

use super::{LinkError, Links, Tried};

impl Links {
    /// Makes a metadata VXLAN device on `port`, sending from `source_ports`, that takes and sends zero UDP checksums over IPv6 as over
    /// IPv4 (RFC 6935), down, marks it with the instance's alias, and returns
    /// its number.
    pub async fn add_companion(
        &self,
        name: &str,
        port: u16,
        source_ports: (u16, u16),
    ) -> Result<u32, LinkError> {
        let message = rtnetlink::LinkMessageBuilder::<LinkVxlan>::new(name)
            .collect_metadata(true)
            .learning(false)
            .port(port)
            .port_range(source_ports.0, source_ports.1)
            .udp_csum(false)
            .udp_zero_csum6_tx(true)
            .udp_zero_csum6_rx(true)
            .build();
        let done = self.handle.link().add(message).execute().await;
        done.tried(|| format!("make VXLAN device {name} on UDP port {port}"))?;
        let marked = self.mark(name).await;
        self.or_none(name, marked).await
    }
}
