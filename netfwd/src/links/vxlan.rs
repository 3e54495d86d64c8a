//! The companion: a kernel VXLAN device that takes what the fast path cannot finish.

use rtnetlink::LinkVxlan;

use super::{LinkError, Links, Tried};

impl Links {
    /// Makes a metadata VXLAN device on `port`, down, marks it with the instance's alias, and returns
    /// its number.
    pub async fn add_companion(&self, name: &str, port: u16) -> Result<u32, LinkError> {
        let message = rtnetlink::LinkMessageBuilder::<LinkVxlan>::new(name)
            .collect_metadata(true)
            .learning(false)
            .port(port)
            .udp_csum(false)
            .build();
        let done = self.handle.link().add(message).execute().await;
        done.tried(|| format!("make VXLAN device {name} on UDP port {port}"))?;
        self.mark(name).await
    }
}
