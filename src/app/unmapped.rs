//! Refusals that no adapter knows are counted, and shown to an operator.
//!
//! Invariant: counting never delays a delivery and never fails one: what finds no room in the
//! queue to Postgres stands in the metric alone.

use crate::App;
use base::Fault;
use domain::time::Timestamp;
use serde::Serialize;
use store::Store;
use tokio::sync::mpsc;

/// Refusals that may wait for Postgres.
const WAITING_MAX: usize = 256;
/// Kinds that are shown.
const SHOWN_MAX: i64 = 50;

/// One refusal on its way to Postgres.
struct Refusal {
    platform: String,
    endpoint: &'static str,
    fingerprint: String,
}

/// The way there: one writer, so that a storm of refusals takes one connection at most.
pub(crate) struct Unmapped(mpsc::Sender<Refusal>);

impl Unmapped {
    /// Starts the writer, which ends with the last hand that can send to it.
    pub fn spawn(store: Store) -> Self {
        let (refusals, mut waiting) = mpsc::channel::<Refusal>(WAITING_MAX);
        tokio::spawn(async move {
            while let Some(Refusal { platform, endpoint, fingerprint }) = waiting.recv().await {
                let counted = store.count_unmapped(&platform, endpoint, &fingerprint).await;
                if let Err(fault) = counted {
                    tracing::warn!(%fault, platform, "an unknown refusal was not counted");
                }
            }
        });
        Self(refusals)
    }

    /// Counts a refusal under this fingerprint.
    pub fn count(&self, platform: &str, endpoint: &'static str, fingerprint: String) {
        let platform = platform.to_owned();
        metrics::counter!("postfleet_unmapped_total", "platform" => platform.clone()).increment(1);
        // Full: Postgres is slow, and the metric has it.
        let _ = self.0.try_send(Refusal { platform, endpoint, fingerprint });
    }
}

/// A kind of refusal that no adapter knows, as an operator reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    platform: String,
    endpoint: String,
    fingerprint: String,
    count: i64,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// The kinds that came most often, the most frequent first.
///
/// # Errors
/// When Postgres fails.
pub async fn top(app: &App) -> Result<Vec<Shown>, Fault> {
    let kinds = app.0.store.unmapped(SHOWN_MAX).await?;
    let shown = kinds.into_iter().map(|kind| Shown {
        platform: kind.platform,
        endpoint: kind.endpoint,
        fingerprint: kind.fingerprint,
        count: kind.count,
        first_at: kind.first_at,
        last_at: kind.last_at,
    });
    Ok(shown.collect())
}
