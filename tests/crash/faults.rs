//! Parts are down, full or cut off while posts go out: no process ends, posts go out again within
//! seconds of a part's return, and nothing is lost, doubled or sent without an intent.

use super::writer::Writer;
use crate::support::fleet::{free_port, program};
use crate::support::servers::Server;
use crate::support::worker::Worker;
use crate::support::{Fleet, Switch, eventually, say};
use base::clock;
use domain::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const ACCOUNTS: usize = 5;
const NETWORK_MS: &str = "40";
/// Posts that are asked for before a fault.
const EACH: usize = 30;
/// Posts that are asked for once a part is back.
const FRESH: usize = 5;
/// Posts go out again so soon after the part is back; a machine that is busy building gets more.
pub(super) const RESUMED_WITHIN: Duration = Duration::from_secs(10);

/// The front door and the worker of a fleet, as processes of their own.
pub(super) struct Staff {
    serve: Worker,
    work: Worker,
    /// Where operators reach the worker.
    port: String,
}

impl Staff {
    /// Starts them with further environment, and has the fleet answer at this front door.
    pub async fn start(fleet: &mut Fleet, name: &str, environment: &[(&str, &str)]) -> Self {
        let (serve, place) = Worker::serve(fleet, &format!("serve-{name}"), environment);
        let port = format!("127.0.0.1:{}", free_port());
        let listen = [("POSTFLEET__WORKERS__PRIVATE_LISTEN", port.as_str())];
        let environment = [&listen, environment].concat();
        let work = Worker::start_as(fleet, &format!("work-{name}"), &["work"], &environment);
        fleet.answer_at(place);
        fleet.api().opens().await;
        Self { serve, work, port }
    }

    /// Whether the worker is ready, and what `postfleet ready` says of it.
    pub fn readiness(&self) -> (bool, String) {
        let ended = program().args(["ready", &self.port]).output().unwrap();
        (ended.status.success(), String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    /// Both live on.
    pub fn assert_alive(&mut self) {
        assert!(self.serve.ended().is_none() && self.work.ended().is_none(), "a process ended");
    }
}

async fn out(fleet: &Fleet) -> usize {
    fleet.sim().accepted("x").await.len()
}

/// Asks for posts and waits until some are out, and most are not.
pub(super) async fn flows(fleet: &Fleet, writer: &mut Writer) {
    let known = out(fleet).await;
    writer.ask(fleet, EACH).await;
    goes_on(fleet, known + 3).await;
}

async fn goes_on(fleet: &Fleet, wanted: usize) {
    eventually("posts go out", RESUMED_WITHIN, async || {
        let count = out(fleet).await;
        if count >= wanted { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
}

/// A part is back: how long until posts that are asked for from now on are out.
pub(super) async fn resumes(fleet: &Fleet, writer: &mut Writer, after: &str) {
    let back = clock::stopwatch();
    writer.ask(fleet, FRESH).await;
    let fresh = writer.newest(FRESH);
    let resumed = eventually(after, RESUMED_WITHIN, async || {
        writer.ask(fleet, 0).await;
        let accepted = fleet.sim().accepted("x").await;
        let is_out = |text: &&String| accepted.iter().any(|one| one.text == **text);
        let count = fresh.iter().filter(is_out).count();
        if count == fresh.len() { Ok(back.elapsed()) } else { Err(format!("{count} are out")) }
    })
    .await;
    say(format_args!("faults: fresh posts were out {resumed:?} after {after}"));
}

/// Every post that the platform has left behind an intent that was committed before.
pub(super) async fn intended(fleet: &Fleet) {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT a.remote_id, p.draft->>'text',
             (extract(epoch FROM min(t.intended_at)) * 1000)::bigint
         FROM attempts t JOIN deliveries d ON d.id = t.delivery_id
         JOIN posts p ON p.id = d.post_id JOIN accounts a ON a.id = d.account_id GROUP BY 1, 2",
    )
    .fetch_all(&mut fleet.postgres().await)
    .await
    .unwrap();
    let intents: BTreeMap<(String, String), Timestamp> = rows
        .into_iter()
        .map(|(account, text, ms)| ((account, text), Timestamp::from_ms(ms)))
        .collect();
    for one in fleet.sim().accepted("x").await {
        let intent = intents.get(&(one.account.clone(), one.text.clone()));
        assert!(intent.is_some_and(|at| *at <= one.at), "without an intent: {one:?}, {intent:?}");
    }
}

/// Whoever is connected to the database is cut off, the test aside. How many that were.
async fn cut_off(fleet: &Fleet) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut fleet.postgres().await)
    .await
    .unwrap()
}

/// The database is down for so long, and back.
async fn down(fleet: &Fleet, staff: &mut Staff, way: &Switch, time: Duration) {
    way.cut();
    // The length of the absence is the subject here, not something to wait for.
    let api = fleet.api();
    let (answer, ()) = futures::join!(api.get("/v1/posts"), clock::pause(time));
    assert_eq!(answer.status, 503, "{answer:?}");
    staff.assert_alive();
    way.mend().await;
}

fn port_of(url: &str) -> u16 {
    url::Url::parse(url).unwrap().port().unwrap()
}

/// Every fault once, the database down for so long.
async fn survive(name: &str, away: Duration) {
    let mut fleet = Fleet::start(&["--without-workers", "--delay-ms", NETWORK_MS], &[]).await;
    let database = Switch::to(port_of(&fleet.place().postgres_url)).await;
    let mut store = url::Url::parse(&fleet.place().postgres_url).unwrap();
    store.set_port(Some(database.port)).unwrap();
    let redis = Server::plain().await;
    let (store, queue) = (store.to_string(), redis.url());
    let places =
        [("POSTFLEET__STORE__URL", store.as_str()), ("POSTFLEET__QUEUE__URL", queue.as_str())];
    let mut staff = Staff::start(&mut fleet, name, &places).await;
    let mut writer = Writer::new(&fleet, name, 3 * EACH + 4 * FRESH, ACCOUNTS).await;

    // Full: what is in hand ends, nothing new is told to Redis, and it is owed in Postgres.
    flows(&fleet, &mut writer).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    writer.ask(&fleet, FRESH).await;
    clock::pause(Duration::from_secs(2)).await;
    let full = redis.told(&["INFO", "errorstats"]).await;
    assert!(full.contains("errorstat_OOM"), "something was refused: {full}");
    staff.assert_alive();
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    resumes(&fleet, &mut writer, "a full Redis had room").await;

    flows(&fleet, &mut writer).await;
    let mut cut = 0;
    for _ in 0..3 {
        // Whoever has not come back yet cannot be cut off again.
        cut += cut_off(&fleet).await;
        clock::pause(Duration::from_millis(100)).await;
    }
    assert!(cut > 0, "somebody was connected");
    resumes(&fleet, &mut writer, "connections to Postgres were cut").await;

    flows(&fleet, &mut writer).await;
    down(&fleet, &mut staff, &database, away).await;
    resumes(&fleet, &mut writer, &format!("Postgres was down for {away:?}")).await;

    writer.ask_all(&fleet).await;
    let ended = writer.judge(&fleet).await;
    assert!(ended.iter().all(|one| one.status == "published"), "{ended:?}");
    intended(&fleet).await;
    staff.assert_alive();
}

// case: R-faults
#[tokio::test]
async fn a_full_redis_and_a_postgres_that_is_cut_off_or_down_lose_and_double_nothing() {
    survive("faults", Duration::from_secs(6)).await;
}

// case: R-faults-long
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_postgres_that_is_down_for_a_minute_loses_and_doubles_nothing() {
    survive("faults-long", Duration::from_secs(60)).await;
}
