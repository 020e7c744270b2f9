//! Many creates at once whose connections are cut: what was taken is adopted, what was not is sent
//! again after the proof, and what nobody can look up waits for a person.

use crate::support::ageing::age_intents;
use crate::support::scene::{Way, X};
use crate::support::{Account, Fleet, Scene, eventually, say, turn};
use base::clock;
use domain::id::AccountId;
use domain::time::Timestamp;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Each of them on every account makes a thousand.
pub(super) const POSTS: usize = 50;
pub(super) const ACCOUNTS: usize = 20;
/// Posts of an account that nobody can look up.
const BLIND: usize = 50;
/// What is cut before it is taken counts here and not on X, so here the window is wider.
const WIDE: (&str, &str) = ("POSTFLEET__PLATFORMS__X__LIMIT_FACTOR", "10");
/// Longer than the first thousand creates take, so that hardly any is cut twice.
const VISIBILITY: Duration = Duration::from_secs(6);
/// A worker carries the database's clock on from when it asked, the simulator has its own.
const CLOCKS_APART: Duration = Duration::from_millis(100);
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// `domain::standing::ASKING_MAX`, and a little.
const HALF_AN_HOUR: Duration = Duration::from_secs(31 * 60);
const FOR_GOOD: u64 = 1_000_000;

/// A delivery with its rows in the ledger, oldest first.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Sent {
    /// The platform's id of the account.
    account: String,
    text: String,
    status: String,
    remote_id: Option<String>,
    pub outcomes: Vec<String>,
    intended_ms: Vec<i64>,
}

pub(super) async fn sent(fleet: &Fleet, accounts: &[Account]) -> Vec<Sent> {
    let ids: Vec<_> =
        accounts.iter().map(|one| one.id.parse::<AccountId>().unwrap().uuid()).collect();
    sqlx::query_as(
        "SELECT a.remote_id AS account, p.draft->>'text' AS text, d.status, d.remote_id, l.*
         FROM deliveries d JOIN posts p ON p.id = d.post_id JOIN accounts a ON a.id = d.account_id
         CROSS JOIN LATERAL (
             SELECT coalesce(array_agg(coalesce(outcome, 'open') ORDER BY id), '{}') AS outcomes,
                 coalesce(array_agg((extract(epoch FROM intended_at) * 1000)::bigint ORDER BY id),
                     '{}') AS intended_ms
             FROM attempts WHERE delivery_id = d.id) l
         WHERE d.account_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(&mut fleet.postgres().await)
    .await
    .unwrap()
}

/// Posts the same words on all accounts, so many times with other words; `more` is what a platform
/// wants beside words.
pub(super) async fn post(scene: &Scene<'_>, accounts: &[Account], posts: usize, more: &Value) {
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    join_all((0..posts).map(|number| {
        let mut post = more.clone();
        post["text"] = format!("Post {number}, {}", scene.brand).into();
        post["accounts"] = json!(ids);
        scene.post(post)
    }))
    .await;
}

/// The deliveries once all of them stand there.
pub(super) async fn all(
    fleet: &Fleet,
    accounts: &[Account],
    count: usize,
    status: &str,
) -> Vec<Sent> {
    eventually(status, SETTLED_WITHIN, async || {
        let sent = sent(fleet, accounts).await;
        let others: Vec<&Sent> = sent.iter().filter(|one| one.status != status).collect();
        let told = format!("{} others: {others:.400?}", others.len());
        if others.is_empty() && sent.len() == count { Ok(sent) } else { Err(told) }
    })
    .await
}

/// When the timeline of each account was looked at, whatever X answered.
fn looked(scene: &Scene<'_>) -> BTreeMap<String, Vec<i64>> {
    let mut looked: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in scene.sim.log() {
        let path = line["request"]["path"].as_str().unwrap_or_default();
        let account = path.strip_prefix("/2/users/").and_then(|rest| rest.strip_suffix("/tweets"));
        let Some(account) = account else { continue };
        let at: Timestamp = serde_json::from_value(line["at"].clone()).unwrap();
        looked.entry(account.to_owned()).or_default().push(at.ms());
    }
    looked
}

/// Each is on the platform once, and we have the id that it has there.
pub(super) async fn out_once(scene: &Scene<'_>, platform: &str, sent: &[Sent]) {
    let mut accepted = scene.sim.accepted(platform).await;
    accepted.retain(|there| sent.iter().any(|one| one.account == there.account));
    assert_eq!(accepted.len(), sent.len(), "none is missing, and none is there twice");
    let there: BTreeMap<(&str, &str), &str> = accepted
        .iter()
        .map(|one| ((one.account.as_str(), one.text.as_str()), one.remote_id.as_str()))
        .collect();
    for one in sent {
        let key = (one.account.as_str(), one.text.as_str());
        let there = there.get(&key).copied();
        assert!(there.is_some(), "{one:?}");
        match one.status.as_str() {
            // A person looks; nobody knows the id.
            "review" => assert_eq!(one.remote_id, None, "{one:?}"),
            _ => assert_eq!(one.remote_id.as_deref(), there, "{one:?}"),
        }
    }
}

/// Many accounts.
pub(super) async fn accounts(scene: &Scene<'_>, way: Way) -> Vec<Account> {
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(scene.connect_on(way, "cut").await);
    }
    accounts
}

pub(super) fn report(name: &str, sent: &[Sent], looks: usize, since: Instant) {
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in sent.iter().flat_map(|one| &one.outcomes) {
        *outcomes.entry(outcome).or_default() += 1;
    }
    say(format_args!(
        "cut {name}: {} posts, {outcomes:?}, {looks} look-ups, {:.0} s",
        sent.len(),
        since.elapsed().as_secs_f64(),
    ));
}

// case: U-thousand-after
#[tokio::test]
async fn a_thousand_posts_that_were_taken_before_the_cut_are_adopted() {
    let _turn = turn().await;
    let since = clock::stopwatch();
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "cut-after").await;
    let accounts = accounts(&scene, X).await;
    let count = POSTS * ACCOUNTS;
    let cut = json!([{"kind": "acceptThenReset", "route": "tweets.create", "count": count}]);
    scene.sim.faults(cut).await;
    post(&scene, &accounts, POSTS, &json!({})).await;
    let sent = all(&fleet, &accounts, count, "published").await;
    for one in &sent {
        assert_eq!(one.outcomes, ["found"], "it was sent once: {one:?}");
    }
    out_once(&scene, "x", &sent).await;
    report("after", &sent, looked(&scene).values().map(Vec::len).sum(), since);
}

/// Between two intents of a delivery its account's timeline was looked at twice, one visibility
/// delay apart; the timeline is one page, so each look is complete.
fn proven_absent(one: &Sent, looked: &[i64]) {
    let (last, cut) = one.outcomes.split_last().expect("it was sent");
    assert!(["replied", "found"].contains(&last.as_str()), "{one:?}");
    assert!(!cut.is_empty() && cut.iter().all(|outcome| outcome == "absent"), "{one:?}");
    let delay = i64::try_from((VISIBILITY - CLOCKS_APART).as_millis()).unwrap();
    for pair in one.intended_ms.windows(2) {
        let between: Vec<i64> =
            looked.iter().copied().filter(|at| pair[0] < *at && *at < pair[1]).collect();
        let (first, last) = (between.first(), between.last());
        let apart = last.zip(first).map(|(last, first)| last - first);
        assert!(apart.is_some_and(|apart| apart >= delay), "{one:?} was looked for at {between:?}");
    }
}

// case: U-thousand-before
#[tokio::test]
async fn a_thousand_posts_that_were_cut_before_are_sent_again_after_the_proof() {
    let _turn = turn().await;
    let since = clock::stopwatch();
    let visibility = VISIBILITY.as_millis().to_string();
    let visibility = ("POSTFLEET__PLATFORMS__X__VISIBILITY_DELAY_MS", visibility.as_str());
    let fleet = Fleet::start(&[], &[WIDE, visibility]).await;
    let scene = Scene::on(&fleet, "cut-before").await;
    let accounts = accounts(&scene, X).await;
    let count = POSTS * ACCOUNTS;
    let cut = json!([{"kind": "resetBeforeAccept", "route": "tweets.create", "count": FOR_GOOD}]);
    scene.sim.faults(cut).await;
    post(&scene, &accounts, POSTS, &json!({})).await;
    eventually("each was cut", SETTLED_WITHIN, async || {
        let sent = sent(&fleet, &accounts).await;
        // Withdrawn is what never left.
        let is_cut = |one: &&Sent| one.outcomes.iter().any(|outcome| outcome != "open");
        let count_cut = sent.iter().filter(is_cut).count();
        if count_cut == count { Ok(()) } else { Err(count_cut.to_string()) }
    })
    .await;
    assert!(scene.sim.accepted("x").await.is_empty());
    scene.sim.forgive("x").await;
    let sent = all(&fleet, &accounts, count, "published").await;
    out_once(&scene, "x", &sent).await;
    let looked = looked(&scene);
    let mut owed: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &sent {
        proven_absent(one, &looked[&one.account]);
        *owed.entry(&one.account).or_default() += 2 * (one.outcomes.len() - 1);
    }
    for (account, owed) in owed {
        assert!(looked[account].len() >= owed, "each proof is two look-ups of its own");
    }
    report("before", &sent, looked.values().map(Vec::len).sum(), since);
}

/// Everything of an account was taken and cut, and its timeline is of no use.
async fn blind(scene: &Scene<'_>, mut timeline: Value) -> Account {
    let account = scene.connect("blind").await;
    timeline["route"] = "users.tweets".into();
    timeline["count"] = FOR_GOOD.into();
    let cut = json!({"kind": "acceptThenReset", "route": "tweets.create", "count": FOR_GOOD});
    for fault in [timeline, cut] {
        scene.fault(&account, fault).await;
    }
    account
}

/// All of it waits for a person, sent once, and nobody will ever be woken for it.
async fn all_in_review(scene: &Scene<'_>, account: &Account) {
    let sent = all(scene.fleet, std::slice::from_ref(account), BLIND, "review").await;
    assert!(sent.iter().all(|one| one.outcomes == ["silent"]), "{sent:?}");
    assert_eq!(scene.accepted(account).await.len(), BLIND);
    let id: AccountId = account.id.parse().unwrap();
    let owed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM jobs j JOIN deliveries d ON d.id = j.subject WHERE d.account_id = $1",
    )
    .bind(id.uuid())
    .fetch_one(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    assert_eq!(owed, 0);
}

// case: U-blind
#[tokio::test]
async fn what_cannot_be_looked_up_for_half_an_hour_goes_to_a_person_and_is_not_sent_again() {
    let scene = Scene::open("blind").await;
    let account = blind(&scene, json!({"kind": "serverError", "status": 503})).await;
    let accounts = std::slice::from_ref(&account);
    post(&scene, accounts, BLIND, &json!({})).await;
    all(scene.fleet, accounts, BLIND, "reconciling").await;
    age_intents(scene.fleet, &account, HALF_AN_HOUR).await;
    all_in_review(&scene, &account).await;
}

// case: U-blind
#[tokio::test]
async fn a_timeline_that_talks_nonsense_proves_nothing() {
    let scene = Scene::open("nonsense").await;
    let nonsense = json!({"kind": "garbage", "body": "<!doctype html><title>X</title>"});
    let account = blind(&scene, nonsense).await;
    post(&scene, std::slice::from_ref(&account), BLIND, &json!({})).await;
    all_in_review(&scene, &account).await;
}
