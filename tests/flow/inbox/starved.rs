//! Redis is full, Postgres is away or fails on one entry: nothing is lost, nothing half done.

use super::killed::ingest;
use super::{key, post};
use crate::support::inbox::{DEFAULT, Inbox, Told};
use crate::support::{Fleet, Scene, eventually, say};
use redis::RedisResult;
use std::process::Command;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(60);

async fn set(inbox: &Inbox, name: &str, value: u64) {
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg(name).arg(value);
    set.exec_async(&mut inbox.redis.clone()).await.unwrap();
}

async fn used(inbox: &Inbox) -> u64 {
    let info: redis::InfoDict =
        redis::cmd("INFO").arg("memory").query_async(&mut inbox.redis.clone()).await.unwrap();
    info.get("used_memory").unwrap()
}

fn accepted(told: &[Told]) -> usize {
    told.iter().filter(|one| one.outcome == "accepted").count()
}

// case: I-full
#[tokio::test]
async fn a_full_redis_is_told_to_the_producer_and_what_it_took_before_is_posted() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "full").await;
    let account = scene.connect("full").await;
    let inbox = Inbox::of(&fleet, DEFAULT).await;
    let full = used(&inbox).await + 8 * 1024 * 1024;
    set(&inbox, "maxmemory", full).await;
    // Blanks make a large entry of a small post.
    let add = async |number: u64| -> RedisResult<String> {
        let body = post(&scene, &account, &format!("Full {number}")).to_string();
        inbox.try_add(&key(), &format!("{body}{}", " ".repeat(64 * 1024))).await
    };
    let mut taken = 0;
    let refused = loop {
        match add(taken).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), Some("OOM"), "{refused}");
    assert_eq!(inbox.waiting().await, taken, "what was refused is not there");

    // The answers need room too: a reader makes it before it takes any.
    let _reader = ingest(&fleet, &[]);
    inbox.emptied(WITHIN).await;
    let told = inbox.told().await;
    assert_eq!((told.len() as u64, accepted(&told) as u64), (taken, taken));
    let shown = fleet.api().get("/v1/posts?limit=100").await;
    assert_eq!(shown.body["data"].as_array().unwrap().len() as u64, taken.min(100));
    eventually("there is room again", WITHIN, async || {
        add(taken).await.map_err(|error| error.to_string())
    })
    .await;
    say(format_args!("inbox: {taken} entries fill a Redis, all are posted, and there is room"));
}

// case: I-away
#[tokio::test]
async fn entries_wait_for_a_postgres_that_is_away_and_one_that_it_fails_on_holds_up_none() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "away").await;
    let account = scene.connect("away").await;
    let inbox = Inbox::of(&fleet, DEFAULT).await;
    let body = |text: &str| post(&scene, &account, text);
    // One post that Postgres fails on, whoever brings it.
    for statement in [
        "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'it fails'; END $$",
        "CREATE TRIGGER fails BEFORE INSERT ON posts FOR EACH ROW
         WHEN (NEW.draft->>'text' = 'Fails') EXECUTE FUNCTION fails()",
    ] {
        sqlx::raw_sql(statement).execute(&mut fleet.postgres().await).await.unwrap();
    }
    let _reader = ingest(&fleet, &[]);
    let fails = inbox.add(&key(), &body("Fails")).await;
    for number in 0..30 {
        let entry = inbox.add(&key(), &body(&format!("Behind {number}"))).await;
        if number % 10 == 9 {
            assert_eq!(inbox.answer(&entry).await.outcome, "accepted");
        }
    }
    eventually("only the one is left", WITHIN, async || match inbox.waiting().await {
        1 => Ok(()),
        left => Err(format!("{left} entries")),
    })
    .await;
    assert!(inbox.told().await.iter().all(|one| one.entry != fails));

    let kill = Command::new("kill").arg("-KILL").arg(fleet.servers().0.to_string()).status();
    assert!(kill.unwrap().success());
    let mut entries = Vec::new();
    for number in 0..20 {
        entries.push(inbox.add(&key(), &body(&format!("Away {number}"))).await);
    }
    assert!(inbox.waiting().await > 0, "what waits can be counted");
    for entry in &entries {
        assert_eq!(inbox.answer(entry).await.outcome, "accepted");
    }
    // Once Postgres takes it, so does everybody.
    sqlx::raw_sql("DROP TRIGGER fails ON posts")
        .execute(&mut fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(inbox.answer(&fails).await.outcome, "accepted");
    let told = inbox.told().await;
    assert_eq!((told.len(), accepted(&told), inbox.waiting().await), (51, 51, 0));
}
