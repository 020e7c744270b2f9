//! What lies in the vault is changed behind its back: it never opens, and whom it concerns is told.

use crate::support::ageing::age;
use crate::support::person::Person;
use crate::support::scene::{Account, X, deliveries, delivery, is_settled};
use crate::support::{Fleet, Scene, eventually, files};
use domain::id::{AccountId, DeliveryId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

type Pair = (Vec<u8>, i64);

fn id(account: &Account) -> Uuid {
    account.id.parse::<AccountId>().unwrap().uuid()
}

async fn pair(db: &mut PgConnection, account: &Account) -> Pair {
    let asked = "SELECT sealed, version FROM credentials WHERE account_id = $1";
    sqlx::query_as(asked).bind(id(account)).fetch_one(db).await.unwrap()
}

async fn put(db: &mut PgConnection, account: &Account, (sealed, version): &Pair) {
    let put = "UPDATE credentials SET sealed = $2, version = $3 WHERE account_id = $1";
    let put = sqlx::query(put).bind(id(account)).bind(sealed).bind(version);
    assert_eq!(put.execute(db).await.unwrap().rows_affected(), 1);
}

async fn count(db: &mut PgConnection, sql: &'static str, subject: &str) -> i64 {
    sqlx::query_scalar(sql).bind(subject).fetch_one(db).await.unwrap()
}

async fn account_shown(scene: &Scene<'_>, account: &Account) -> Value {
    let answer = scene.api.get(&format!("/v1/brands/{}/accounts", scene.brand)).await;
    let all = answer.data().as_array().unwrap();
    all.iter().find(|one| one["id"] == account.id.as_str()).unwrap().clone()
}

/// A post whose time, and that of making it ready, is far away: nobody opens anything for it yet.
async fn later(scene: &Scene<'_>, account: &Account, what: &str) -> Value {
    let at = base::clock::now() + Duration::from_secs(1_200);
    let text = format!("{what} {}, {}", base::rng::uuid().simple(), scene.brand);
    let body = json!({"text": text, "accounts": [account.id], "scheduledAt": at});
    let post = scene.post(body).await;
    scene.scheduled(&post).await
}

/// Has several posts fall due at once on the account, and sees that it is damaged, once, and says so.
async fn is_damaged_once(scene: &Scene<'_>, account: &Account, what: &str) -> Value {
    let mut db = scene.fleet.postgres().await;
    let (one, two) = (later(scene, account, what).await, later(scene, account, what).await);
    for post in [&one, &two] {
        let id: DeliveryId = delivery(post, account)["id"].as_str().unwrap().parse().unwrap();
        fall_due(&mut db, id.uuid()).await;
    }
    for post in [&one, &two] {
        let shown = scene.settled(post).await;
        let failed = delivery(&shown, account);
        assert_eq!(failed["status"], "failed", "{what}: {shown}");
        assert_eq!(failed["error"]["type"], "PlatformAuthError", "{what}: {failed}");
        assert_eq!(failed["error"]["stage"], "validating", "{what}: {failed}");
        assert!(failed["error"]["resolution"].as_str().unwrap().contains("Reconnect"), "{failed}");
    }
    let shown = account_shown(scene, account).await;
    assert_eq!(shown["status"], "damaged", "{what}: {shown}");
    let events = "SELECT count(*) FROM events WHERE kind = 'account.damaged' AND subject = $1";
    assert_eq!(count(&mut db, events, &account.id).await, 1, "{what}");
    let audit = "SELECT count(*) FROM audit WHERE action = 'vault.refused' AND subject = $1";
    assert_eq!(count(&mut db, audit, &account.id).await, 1, "{what}");
    let refused = scene.try_post(json!({"text": "More", "accounts": [account.id]})).await;
    assert_eq!(refused.details(422)[0]["type"], "PlatformAuthError", "{what}: {refused:?}");
    one
}

/// A changed form of what is stored of `account`; the second account is another one's.
async fn tamper(db: &mut PgConnection, what: &str, account: &Account, other: &Pair) -> Pair {
    let (mut sealed, version) = pair(db, account).await;
    let last = sealed.len() - 1;
    match what {
        "its tag is changed" => sealed[last] ^= 1,
        "its text is changed" => sealed[40] ^= 0x80,
        "its form is changed" => sealed[0] = 2,
        "its key is changed" => sealed[4] ^= 1,
        "its nonce is changed" => sealed[20] ^= 1,
        "it is cut short" => sealed.truncate(last),
        "it is cut to nothing" => sealed.clear(),
        "it is another account's" => return other.clone(),
        "it is of another version" => return (sealed, version + 1),
        _ => panic!("no such change: {what}"),
    }
    (sealed, version)
}

// case: S-01
#[tokio::test]
async fn a_changed_grant_damages_its_account_once_and_no_other() {
    let scene = Scene::open("changed").await;
    let good = scene.connect("good").await;
    let mut db = scene.fleet.postgres().await;
    let other = pair(&mut db, &good).await;
    for what in [
        "its tag is changed",
        "its text is changed",
        "its form is changed",
        "its key is changed",
        "its nonce is changed",
        "it is cut short",
        "it is cut to nothing",
        "it is another account's",
        "it is of another version",
    ] {
        let account = scene.connect("bad").await;
        let changed = tamper(&mut db, what, &account, &other).await;
        put(&mut db, &account, &changed).await;
        is_damaged_once(&scene, &account, what).await;
        let wording = format!("While {what}, {}", scene.brand);
        scene.published(&scene.say(&good, &wording).await).await;
        assert!(scene.texts(&account).await.is_empty(), "{what}");
    }
    let metrics = scene.api.metrics().await;
    assert!(metrics.contains("postfleet_vault_refused_total{field=\"grant\"}"), "{metrics}");
    assert!(scene.fleet.log().contains("an account is damaged"));
}

// case: S-01
#[tokio::test]
async fn a_grant_that_was_put_back_with_its_version_is_noticed_and_a_reconnect_repairs_it() {
    let (scene, account) = Scene::with_account("back").await;
    let mut db = scene.fleet.postgres().await;
    let first = pair(&mut db, &account).await;
    age(scene.fleet, &account, Duration::from_secs(20)).await;
    let renewed = format!("Renewed, {}", scene.brand);
    scene.published(&scene.say(&account, &renewed).await).await;
    assert_eq!(pair(&mut db, &account).await.1, first.1 + 1, "it was renewed");

    put(&mut db, &account, &first).await;
    let failed = is_damaged_once(&scene, &account, "it is put back").await;
    let again = scene.connect_as(account.way, &account.handle).await;
    assert_eq!(again.id, account.id);
    assert_eq!(pair(&mut db, &account).await.1, first.1 + 2, "beyond everything it has been");
    scene.order(&failed, "retry").await.data();
    scene.published(&failed).await;
    assert_eq!(scene.texts(&account).await.len(), 2);
}

// case: S-01
#[tokio::test]
async fn a_grant_of_another_tenant_or_platform_opens_nowhere() {
    let scene = Scene::open("foreign").await;
    let (x, threads) = (scene.connect("x").await, scene.connect_on(("threads", None), "t").await);
    let theirs = Scene::of(scene.fleet, scene.fleet.another_tenant("spec").await, "theirs").await;
    let foreign = theirs.connect("foreign").await;
    let mut db = scene.fleet.postgres().await;
    let (of_x, of_threads, of_foreign) =
        (pair(&mut db, &x).await, pair(&mut db, &threads).await, pair(&mut db, &foreign).await);
    put(&mut db, &x, &of_threads).await;
    put(&mut db, &threads, &of_foreign).await;
    put(&mut db, &foreign, &of_x).await;
    is_damaged_once(&scene, &x, "it is another platform's").await;
    is_damaged_once(&scene, &threads, "it is another tenant's").await;
    is_damaged_once(&theirs, &foreign, "it is ours").await;
}

// case: S-01
#[tokio::test]
async fn a_verifier_serves_its_own_authorisation_alone() {
    let scene = Scene::open("verifier").await;
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(scene.person(X, "verifier").await);
    }
    let mut db = scene.fleet.postgres().await;
    let digests: Vec<Vec<u8>> = people.iter().map(Person::state_sha256).collect();
    // The first two are exchanged, of the third a byte is changed.
    sqlx::query(
        "UPDATE oauth_states a SET verifier = b.verifier FROM oauth_states b
         WHERE a.sha256 IN ($1, $2) AND b.sha256 IN ($1, $2) AND a.sha256 <> b.sha256",
    )
    .bind(&digests[0])
    .bind(&digests[1])
    .execute(&mut db)
    .await
    .unwrap();
    sqlx::query(
        "UPDATE oauth_states
         SET verifier = set_byte(verifier, 50, get_byte(verifier, 50) # 1) WHERE sha256 = $1",
    )
    .bind(&digests[2])
    .execute(&mut db)
    .await
    .unwrap();
    for person in &people[..3] {
        assert!(person.browser.finish(&person.back).await.is_err());
        assert!(scene.connected().await.is_empty());
    }
    people[3].browser.finish(&people[3].back).await.unwrap();
    assert_eq!(scene.connected().await.len(), 1);
    let metrics = scene.api.metrics().await;
    let counted = metrics.lines().find_map(|line| {
        line.strip_prefix("postfleet_vault_refused_total{field=\"verifier\"} ")?.parse::<u64>().ok()
    });
    // Others may do the same meanwhile on this fleet.
    assert!(counted.is_some_and(|counted| counted >= 3), "{metrics}");
}

/// A post with a picture whose upload is done, and whose time is far away.
async fn staged(scene: &Scene<'_>, account: &Account, what: &str) -> (Value, Uuid) {
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let body = json!({
        "text": format!("{what}, {}", scene.brand), "accounts": [account.id],
        "media": [{"id": picture}], "scheduledAt": base::clock::now() + Duration::from_secs(300),
    });
    let post = scene.post(body).await;
    let id: DeliveryId = post["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    let asked = "SELECT checkpoint ? 'sealed' AND due_at = (SELECT due_at FROM jobs
        WHERE kind = 'publish' AND subject = d.id) FROM deliveries d WHERE id = $1";
    eventually("its upload is done", Duration::from_secs(30), async || {
        let mut db = scene.fleet.postgres().await;
        let is_staged: Option<bool> =
            sqlx::query_scalar(asked).bind(id.uuid()).fetch_one(&mut db).await.unwrap();
        if is_staged == Some(true) { Ok(()) } else { Err(format!("{is_staged:?}")) }
    })
    .await;
    (post, id.uuid())
}

async fn stored(db: &mut PgConnection, delivery: Uuid) -> (String, i32) {
    let asked = "SELECT checkpoint ->> 'sealed', checkpoint_no FROM deliveries WHERE id = $1";
    sqlx::query_as(asked).bind(delivery).fetch_one(db).await.unwrap()
}

async fn store(db: &mut PgConnection, delivery: Uuid, checkpoint: Value) {
    let put = sqlx::query("UPDATE deliveries SET checkpoint = $2 WHERE id = $1");
    put.bind(delivery).bind(checkpoint).execute(db).await.unwrap();
}

/// Its time comes.
async fn fall_due(db: &mut PgConnection, delivery: Uuid) {
    sqlx::query(
        "WITH d AS (UPDATE deliveries SET due_at = clock_timestamp() WHERE id = $1)
         UPDATE jobs SET due_at = clock_timestamp() - interval '10 seconds',
             generation = nextval('job_generation')
         WHERE kind = 'publish' AND subject = $1",
    )
    .bind(delivery)
    .execute(db)
    .await
    .unwrap();
}

// case: S-01
#[tokio::test]
async fn a_changed_checkpoint_ends_its_delivery_and_no_other() {
    let scene = Scene::open("checkpoint").await;
    let account = scene.connect_on(("linkedin", Some("personal")), "checkpoint").await;
    let mut db = scene.fleet.postgres().await;
    let whats = ["changed", "moved", "in clear", "put back", "whole"];
    let mut all = Vec::new();
    for what in whats {
        all.push(staged(&scene, &account, what).await);
    }
    let mut sealed = Vec::new();
    for (_, delivery) in &all {
        sealed.push(stored(&mut db, *delivery).await.0);
    }
    let mut bytes = sealed[0].clone().into_bytes();
    bytes[60] = if bytes[60] == b'A' { b'B' } else { b'A' };
    store(&mut db, all[0].1, json!({"sealed": String::from_utf8(bytes).unwrap()})).await;
    store(&mut db, all[1].1, json!({"sealed": sealed[0]})).await;
    store(&mut db, all[2].1, json!({"v": 1})).await;
    let later = "UPDATE deliveries SET checkpoint_no = checkpoint_no + 1 WHERE id = $1";
    sqlx::query(later).bind(all[3].1).execute(&mut db).await.unwrap();
    for (_, delivery) in &all {
        fall_due(&mut db, *delivery).await;
    }
    for ((post, delivery), what) in all.iter().zip(whats) {
        let shown = scene.settled(post).await;
        assert!(deliveries(&shown).all(is_settled));
        let audit = "SELECT count(*) FROM audit WHERE action = 'vault.refused' AND subject = $1";
        let refusals = count(&mut db, audit, &DeliveryId::new(*delivery).to_string()).await;
        let shown = &shown["deliveries"][0];
        if what == "whole" {
            assert_eq!((&shown["status"], refusals), (&json!("published"), 0), "{what}: {shown}");
            continue;
        }
        assert_eq!((&shown["status"], refusals), (&json!("failed"), 1), "{what}: {shown}");
        assert_eq!(shown["error"]["type"], "PlatformOperatorError", "{what}: {shown}");
    }
    assert_eq!(account_shown(&scene, &account).await["status"], "connected");
    assert_eq!(scene.texts(&account).await.len(), 1);
}

// case: K-data-key
#[tokio::test]
async fn a_broken_data_key_damages_what_it_sealed_and_a_lacking_key_only_keeps_it_waiting() {
    let mut fleet = Fleet::start_kept(&[]).await;
    // None of the fleet's own: `postfleet dev` does not start without its tenant's key.
    let (ours, theirs) = (fleet.another_tenant("spec").await, fleet.another_tenant("spec").await);
    let (our_brand, their_brand, waiting, broken) = {
        let ours = Scene::of(&fleet, ours.again(), "ours").await;
        let theirs = Scene::of(&fleet, theirs.again(), "theirs").await;
        let (waiting, broken) = (ours.connect("ours").await, theirs.connect("theirs").await);
        (ours.brand, theirs.brand, waiting, broken)
    };
    let mut db = fleet.postgres().await;
    // Theirs is broken; ours names a key that nobody has.
    flip_data_key(&mut db, &broken, 60).await;
    flip_data_key(&mut db, &waiting, 3).await;
    // What a process has at hand it goes on with; a new one has nothing.
    fleet.kill();
    fleet.restart(&[]).await;
    let scene = |api, brand| Scene { fleet: &fleet, api, sim: fleet.sim(), brand };
    let (ours, theirs) = (scene(ours, our_brand), scene(theirs, their_brand));

    let held = ours.say(&waiting, "Held").await;
    let failed = is_damaged_once(&theirs, &broken, "its data key is broken").await;
    let again = theirs.connect_as(broken.way, &broken.handle).await;
    assert_eq!(again.id, broken.id);
    theirs.order(&failed, "retry").await.data();
    theirs.published(&failed).await;
    let states: Vec<String> = sqlx::query_scalar(
        "SELECT state FROM data_keys k JOIN accounts a ON a.tenant_id = k.tenant_id
         WHERE a.id = $1 ORDER BY no",
    )
    .bind(id(&broken))
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert_eq!(states, ["broken", "current"]);

    eventually("the operator is told", Duration::from_secs(20), async || {
        let log = fleet.log();
        if log.contains("which is not in the key ring") { Ok(()) } else { Err(log) }
    })
    .await;
    let shown = ours.show(&held).await;
    assert!(!deliveries(&shown).any(is_settled), "{shown}");
    assert_eq!(account_shown(&ours, &waiting).await["status"], "connected");
    flip_data_key(&mut db, &waiting, 3).await;
    ours.published(&held).await;
}

/// Changes a bit of the data key of an account's tenant, or changes it back.
async fn flip_data_key(db: &mut PgConnection, account: &Account, place: i32) {
    let flipped = sqlx::query(
        "UPDATE data_keys SET wrapped = set_byte(wrapped, $2, get_byte(wrapped, $2) # 1)
         WHERE tenant_id = (SELECT tenant_id FROM accounts WHERE id = $1)",
    );
    let flipped = flipped.bind(id(account)).bind(place).execute(db).await.unwrap();
    assert_eq!(flipped.rows_affected(), 1);
}
