//! The cause of each alert is provoked on a fleet, and a real Prometheus sees it fire.

mod causes;

use crate::agree::metrics::{alerts, described};
use crate::support::prometheus::{Prometheus, is_here};
use crate::support::{Fleet, Scene, eventually, say};
use causes::Causes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const FIRES_WITHIN: Duration = Duration::from_secs(60);

/// What has fired so far, whatever has ended since.
struct Watch {
    prometheus: Prometheus,
    fired: BTreeSet<String>,
}

impl Watch {
    /// Waits until nothing fires but what lies in the configuration of the fleet; before the first
    /// look nobody publishes, as far as Prometheus can tell. Spans are lost while there are some.
    async fn is_quiet(&self) {
        eventually("all is well", FIRES_WITHIN, async || {
            let mut firing = self.prometheus.firing().await?;
            firing.remove("PostfleetTracesLost");
            let is_well = firing.iter().eq(["PostfleetApiVersionEnds"]);
            if is_well { Ok(()) } else { Err(format!("{firing:?}")) }
        })
        .await;
    }

    /// Waits until all of these have fired.
    async fn fires(&mut self, wanted: &[&str]) {
        let Self { prometheus, fired } = self;
        eventually(&format!("{wanted:?} fire"), FIRES_WITHIN, async || {
            fired.extend(prometheus.firing().await?);
            let missing: Vec<_> = wanted.iter().filter(|one| !fired.contains(**one)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} do not fire")) }
        })
        .await;
    }
}

// case: O-alerts
// case: O-drift
// case: O-parked
#[tokio::test]
async fn each_alert_fires_on_its_cause() {
    if !is_here("prometheus") {
        say("SKIPPED: prometheus is not here (Debian's package prometheus); no alert was seen");
        return;
    }
    let mut fleet = Fleet::start(&[], &causes::ENVIRONMENT).await;
    let prometheus = Prometheus::start(&fleet);
    let mut watch = Watch { prometheus, fired: BTreeSet::new() };
    let causes = Causes::prepare(Scene::on(&fleet, "alerts").await).await;
    watch.is_quiet().await;
    is_described(&causes.scene.api.metrics().await);

    causes.leave_late().await;
    watch.fires(&["PostfleetApiVersionEnds", "PostfleetTracesLost", "PostfleetPostsLate"]).await;
    causes.lose_accounts().await;
    causes.refuse_many().await;
    causes.damage_a_grant().await;
    watch
        .fires(&[
            "PostfleetAccountsLost",
            "PostfleetDeliveriesFail",
            "PostfleetUnmappedRefusal",
            "PostfleetSecretDamaged",
        ])
        .await;
    let forgotten = causes.forget_a_job().await;
    watch.fires(&["PostfleetLedgerDrift"]).await;
    causes.refuse_renewals().await;
    // The sweep finds what is late, and Redis knows all again.
    causes.scene.published(&forgotten).await;
    causes.lose_an_answer_for_long().await;
    causes.lose_an_answer_for_good().await;
    causes.refuse_the_app().await;
    causes.break_a_platform().await;
    causes.wait_behind_a_gate().await;
    causes.kill_a_worker().await;
    watch
        .fires(&[
            "PostfleetOutcomeUnknown",
            "PostfleetReviewOpen",
            "PostfleetAppRefused",
            "PostfleetPlatformOutage",
            "PostfleetWorkerDied",
            "PostfleetTokensUnrenewed",
        ])
        .await;
    is_described(&causes.scene.api.metrics().await);
    causes.all_is_known().await;
    causes.publish_some(&watch.prometheus).await;
    causes.stop_redis().await;
    watch.fires(&["PostfleetRedisDown", "PostfleetQueueLate", "PostfleetThroughputFell"]).await;
    causes.stop_postgres();
    watch.fires(&["PostfleetPostgresDown"]).await;
    causes.resume();
    drop(causes);
    fleet.kill();
    watch.fires(&["PostfleetProcessDown", "PostfleetNoPublisher"]).await;
    assert_eq!(watch.fired, alerts(), "each alert, and no other");
}

/// What a process shows is what `docs/METRICS.md` says: types and labels.
fn is_described(shown: &str) {
    let described = described();
    let mut types = BTreeMap::new();
    for line in shown.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            types.insert(name.to_owned(), kind.to_owned());
            continue;
        }
        let Some((name, labels)) = series(line) else { continue };
        let (name, kind) = types.iter().rfind(|(base, _)| name.starts_with(base.as_str())).unwrap();
        let told = described.get(name).unwrap_or_else(|| panic!("{name} is not described"));
        assert_eq!(&told.kind, kind, "{name}");
        let labels: BTreeSet<String> = labels.into_iter().filter(|label| label != "le").collect();
        assert_eq!(told.labels, labels, "{line}");
    }
    assert!(types.len() > 30, "{types:?}");
}

/// The name and the labels of a line.
fn series(line: &str) -> Option<(&str, Vec<String>)> {
    let (series, _) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let Some((name, labels)) = series.split_once('{') else { return Some((series, Vec::new())) };
    let pairs = labels.trim_end_matches('}').split("\",");
    Some((name, pairs.filter_map(|one| Some(one.split_once('=')?.0.to_owned())).collect()))
}
