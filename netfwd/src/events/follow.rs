//! Following the programs' events.

use std::sync::Arc;

use netfwd_common::maps::EventKind;
use tokio::sync::Notify;

use super::Hub;
use crate::dataplane::{Events, Record};

/// Tells what the programs tell, for as long as that can be read; a port that was shut wakes `shut`.
pub async fn follow(mut events: Events, hub: Arc<Hub>, shut: Arc<Notify>) {
    loop {
        let records = match events.next().await {
            Ok(records) => records,
            Err(error) => return tracing::error!("events of the programs are lost: {error}"),
        };
        for record in &records {
            let record = match record {
                Record::Event(event) => event,
                Record::Opened(opened) => {
                    hub.tell_of_opened(opened);
                    continue;
                }
            };
            let is_shut = record.kind == EventKind::PortShut as u32;
            if !is_shut && !hub.is_watched() {
                continue;
            }
            let event = hub.tell_of_programs(record);
            if is_shut && let Some(event) = event {
                let (port, mac) = (
                    event.port.unwrap_or_default(),
                    event.mac.unwrap_or_default(),
                );
                tracing::warn!(
                    "port {port} is shut: {mac} sent a BPDU, so a bridge stands behind this edge \
                     port; remove the loop and open it with `netfwd port set {port} --up`"
                );
                shut.notify_one();
            }
        }
        tokio::task::yield_now().await;
    }
}
