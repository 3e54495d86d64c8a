//! What the programs log, handed on to the loader's own log.

use std::time::Duration;

use aya_log::EbpfLogger;

use super::Dataplane;

/// How often the ring buffer is read; it holds far more than this time's worth of records.
const PERIOD: Duration = Duration::from_millis(100);

impl Dataplane {
    /// Follows the programs' log on the current runtime for as long as that lives. An object without
    /// one is silent.
    pub fn follow_log(&mut self) {
        let mut logger = match EbpfLogger::init(&mut self.ebpf) {
            Ok(logger) => logger,
            Err(error) => return tracing::debug!("the programs do not log: {error}"),
        };
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PERIOD);
            loop {
                ticks.tick().await;
                logger.flush();
            }
        });
    }
}
