//! Readers of the inboxes die all the time, and every entry becomes one post and has one answer.

use super::{key, post};
use crate::support::inbox::{DEFAULT, Inbox};
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say, turn};
use base::clock;
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const ENTRIES: usize = 1_500;
/// A reader is killed when it has taken out so many, in the middle of the next ones.
const TAKEN: u64 = 150;
const EMPTIED_WITHIN: Duration = Duration::from_secs(120);

/// A reader of its own; what a dead one left is its after a second.
pub(super) fn ingest(fleet: &Fleet, environment: &[(&str, &str)]) -> Worker {
    let swift = [("POSTFLEET__INBOX__RECLAIM_MS", "1000")];
    let environment = [&swift, environment].concat();
    Worker::start_as(fleet, "ingest", &["work", "--roles", "ingest"], &environment)
}

/// How many posts of these texts there are, and how many texts.
async fn posts(fleet: &Fleet, pattern: &str) -> (i64, i64) {
    let row = sqlx::query(
        "SELECT count(*) AS posts, count(DISTINCT draft->>'text') AS texts FROM posts
         WHERE draft->>'text' LIKE $1",
    )
    .bind(pattern)
    .fetch_one(&mut fleet.postgres().await)
    .await
    .unwrap();
    (row.get("posts"), row.get("texts"))
}

/// Another tenant's scene, and the name of the tenant.
async fn another(fleet: &Fleet) -> (Scene<'_>, String) {
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "another").await;
    let row = sqlx::query("SELECT name FROM tenants ORDER BY created_at DESC LIMIT 1")
        .fetch_one(&mut fleet.postgres().await)
        .await
        .unwrap();
    (scene, row.get("name"))
}

// case: I-killed
#[tokio::test]
async fn readers_that_die_lose_no_entry_and_make_no_post_twice() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "killed").await;
    let account = scene.connect("killed").await;
    let inbox = Inbox::of(&fleet, DEFAULT).await;
    let since = clock::stopwatch();
    let mut keys = BTreeMap::new();
    for number in 0..ENTRIES {
        let key = key();
        let body = post(&scene, &account, &format!("Killed {number}"));
        keys.insert(inbox.add(&key, &body).await, key);
    }
    // One that dies right behind the commit of the first post: its successor finds that post.
    let mut dies = ingest(&fleet, &[("POSTFLEET_CRASH_AT", "accept.after_commit:1")]);
    eventually("the reader dies", Duration::from_secs(30), async || {
        dies.ended().map(|_| ()).ok_or_else(|| "it lives".to_owned())
    })
    .await;
    let mut kills = 1;
    while inbox.waiting().await > ENTRIES as u64 / 4 {
        let (reader, before) = (ingest(&fleet, &[]), inbox.waiting().await);
        eventually("the reader has begun", EMPTIED_WITHIN, async || {
            let left = inbox.waiting().await;
            if left + TAKEN <= before { Ok(()) } else { Err(format!("{left} entries")) }
        })
        .await;
        drop(reader);
        kills += 1;
    }

    // Another tenant, made just now, has one entry: it does not wait behind those of the first.
    let last = ingest(&fleet, &[]);
    let (other, name) = another(&fleet).await;
    let others = Inbox::of(&fleet, &name).await;
    let told = others.answer(&others.add(&key(), &other.draft(json!({"text": "a"}))).await).await;
    assert_eq!(told.outcome, "refused", "{told:?}");
    inbox.emptied(EMPTIED_WITHIN).await;
    let took = since.elapsed().as_secs_f64();

    let (count, texts) = posts(&fleet, "Killed %").await;
    assert_eq!((count, texts), (ENTRIES as i64, ENTRIES as i64), "posts, and different ones");
    let told = inbox.told().await;
    assert_eq!(told.len(), ENTRIES, "an entry has one answer");
    let again = told.iter().filter(|one| one.answer["data"]["isAgain"] == true).count();
    for one in &told {
        assert_eq!((one.outcome.as_str(), keys.get(&one.entry)), ("accepted", Some(&one.key)));
    }
    assert!(again > 0, "nobody died between the commit and the answer");
    assert_eq!(inbox.in_hand().await, 0);
    drop(last);
    say(format_args!(
        "inbox: {ENTRIES} entries, {kills} readers killed, {again} found again, {took:.1} s"
    ));
}

// case: I-fair
#[tokio::test]
async fn a_tenant_with_many_entries_holds_up_no_other() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "many").await;
    let account = scene.connect("many").await;
    let inbox = Inbox::of(&fleet, DEFAULT).await;
    let mut pipe = redis::pipe();
    for number in 0..ENTRIES {
        let body = post(&scene, &account, &format!("Many {number}")).to_string();
        pipe.cmd("XADD").arg(&inbox.stream).arg("*");
        pipe.arg("key").arg(key()).arg("post").arg(body).ignore();
    }
    pipe.exec_async(&mut inbox.redis.clone()).await.unwrap();
    let _reader = ingest(&fleet, &[]);
    eventually("the backlog is worked on", Duration::from_secs(30), async || {
        let left = inbox.waiting().await;
        if left < ENTRIES as u64 { Ok(()) } else { Err(format!("{left} entries")) }
    })
    .await;
    // It is found without a restart, though it comes while everything else is busy.
    let (other, name) = another(&fleet).await;
    let others = Inbox::of(&fleet, &name).await;
    let since = clock::stopwatch();
    let entry = others.add(&key(), &other.draft(json!({"text": "a"}))).await;
    others.answer(&entry).await;
    let first = since.elapsed();
    let since = clock::stopwatch();
    others.answer(&others.add(&key(), &other.draft(json!({"text": "b"}))).await).await;
    let second = since.elapsed();
    let left = inbox.waiting().await;
    assert!(left > 0, "the backlog was gone before the other tenant was answered");
    say(format_args!(
        "inbox: one entry beside {left} of another tenant waits {} ms, {} ms when its inbox is new",
        second.as_millis(),
        first.as_millis()
    ));
}

/// The keys of a producer that is not ours, in the order it added them.
fn keys_of(told: &Value) -> BTreeSet<String> {
    let keys = told["keys"].as_array().into_iter().flatten();
    keys.map(|key| key.as_str().unwrap().to_owned()).collect()
}

// case: I-many
#[tokio::test]
#[ignore = "minutes"]
async fn of_fifty_thousand_entries_none_is_lost_and_none_is_twice() {
    const MANY: usize = 50_000;
    let _turn = turn().await;
    let Some(python) = crate::clients::Python::find() else { return };
    // The answers of all of them are looked at in the end.
    let many = [("POSTFLEET__INBOX__RESULTS_MAX", "100000")];
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "fifty").await;
    let account = scene.connect("fifty").await;
    let inbox = Inbox::of(&fleet, DEFAULT).await;
    let url = fleet.place().redis_url.clone();
    let body = post(&scene, &account, "Fifty").to_string();
    let since = clock::stopwatch();
    let producing = tokio::task::spawn_blocking(move || {
        python.run("inbox.py", &[&url, DEFAULT, &body, &MANY.to_string()])
    });
    let mut kills = 0;
    while !producing.is_finished() || inbox.waiting().await > 0 {
        let reader = ingest(&fleet, &many);
        clock::pause(Duration::from_secs(2)).await;
        drop(reader);
        kills += 1;
    }
    let took = since.elapsed().as_secs_f64();
    let keys = keys_of(&producing.await.unwrap());
    assert_eq!(keys.len(), MANY);
    assert_eq!(posts(&fleet, "Fifty %").await, (MANY as i64, MANY as i64));
    let told = inbox.told().await;
    let answered: BTreeSet<String> = told.iter().map(|one| one.key.clone()).collect();
    assert_eq!((told.len(), answered == keys), (MANY, true));
    assert!(told.iter().all(|one| one.outcome == "accepted"));
    say(format_args!(
        "inbox: {MANY} entries of a Python producer, a reader killed every 2 s, {kills} times: \
         {MANY} posts, 0 lost, 0 twice, {took:.0} s"
    ));
}
