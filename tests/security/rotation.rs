//! All keys are changed while the fleet publishes; whoever does it is killed in the midst of it.

use crate::support::ageing::data_key;
use crate::support::api::Api;
use crate::support::fleet::RETURN_URLS;
use crate::support::person::value;
use crate::support::scene::{Account, X};
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, files, say};
use base::{clock, rng};
use domain::id::{AccountId, TenantId};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;
use vault::Associated;

/// Values that do not lie under their tenant's present key, of every kind.
const ELSEWHERE: &str = "SELECT count(*) FROM (
        SELECT tenant_id, substring(sealed FROM 2 FOR 8) AS key FROM credentials
        UNION ALL
        SELECT tenant_id, substring(verifier FROM 2 FOR 8) FROM oauth_states
        WHERE length(verifier) > 0
        UNION ALL
        SELECT tenant_id, substring(sealed FROM 2 FOR 8) FROM connect_choices
        UNION ALL
        SELECT tenant_id, substring(sealed FROM 2 FOR 8) FROM oauth_apps
        UNION ALL
        SELECT tenant_id, substring(decode(checkpoint ->> 'sealed', 'base64') FROM 2 FOR 8)
        FROM deliveries WHERE checkpoint ? 'sealed'
    ) s
    WHERE NOT EXISTS (SELECT FROM data_keys k WHERE k.tenant_id = s.tenant_id
        AND k.state = 'current' AND k.key_id = s.key)";

async fn elsewhere(fleet: &Fleet) -> i64 {
    sqlx::query_scalar(ELSEWHERE).fetch_one(&mut fleet.postgres().await).await.unwrap()
}

/// Runs `postfleet keys` to its end: whether it did what was asked, and what it said.
pub(super) async fn keys(fleet: &Fleet, arguments: &[&str]) -> (bool, String) {
    let name = format!("keys-{}", rng::uuid().simple());
    let mut run = Worker::start_as(fleet, &name, &[&["keys"], arguments].concat(), &[]);
    let status = eventually("the command ends", Duration::from_secs(300), async || {
        run.ended().ok_or_else(|| run.log())
    })
    .await;
    (status.success(), run.log())
}

async fn status(fleet: &Fleet) -> Value {
    let (is_good, said) = keys(fleet, &["status", "--json"]).await;
    assert!(is_good, "{said}");
    // Warnings of a slow machine stand around it.
    let json =
        said.lines().skip_while(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
    serde_json::Deserializer::from_str(&json).into_iter().next().unwrap().unwrap()
}

/// Copies the grant of an account to so many accounts that nobody posts to.
async fn multiply(fleet: &Fleet, account: &Account, count: usize) {
    let mut db = fleet.postgres().await;
    let id: AccountId = account.id.parse().unwrap();
    // On a brand of their own: nobody looks through a list of so many.
    let brand = rng::uuid();
    let (tenant, sealed, version): (Uuid, Vec<u8>, i64) = sqlx::query_as(
        "WITH b AS (INSERT INTO brands (id, tenant_id, slug, name)
             SELECT $2, tenant_id, 'crowd', 'Crowd' FROM accounts WHERE id = $1)
         SELECT tenant_id, sealed, version FROM credentials WHERE account_id = $1",
    )
    .bind(id.uuid())
    .bind(brand)
    .fetch_one(&mut db)
    .await
    .unwrap();
    let tenant = TenantId::new(tenant);
    let key = data_key(fleet, tenant, &sealed).await;
    let at = Associated { tenant, subject: &account.id, platform: "x", field: "grant", version };
    let clear = key.open(&at, &sealed).unwrap();
    let copies: Vec<(Uuid, Vec<u8>)> = (0..count)
        .map(|_| {
            let copy: AccountId = rng::id();
            let at = Associated { subject: &copy.to_string(), version: 1, ..at };
            (copy.uuid(), key.seal(&at, clear.bytes()))
        })
        .collect();
    for copies in copies.chunks(5_000) {
        let (ids, sealed): (Vec<Uuid>, Vec<Vec<u8>>) = copies.iter().cloned().unzip();
        sqlx::query(
            "WITH t AS (SELECT * FROM UNNEST($1::uuid[], $2::bytea[]) AS t (id, sealed)),
             a AS (INSERT INTO accounts (id, tenant_id, brand_id, platform, app, remote_id, handle,
                     kind, status)
                 SELECT id, $3, $4, 'x', 'default', id::text, '@copy', 'standard', 'connected'
                 FROM t)
             INSERT INTO credentials (account_id, tenant_id, sealed, version, expires_at)
             SELECT id, $3, sealed, 1, clock_timestamp() + interval '1 year' FROM t",
        )
        .bind(ids)
        .bind(sealed)
        .bind(tenant.uuid())
        .bind(brand)
        .execute(&mut db)
        .await
        .unwrap();
    }
}

/// From the start of a round of posts to that of the next, at least: Instagram takes fifty posts a
/// day from an account.
const ROUND: Duration = Duration::from_secs(6);

/// Posts to all of them, one round after the other, until `is_over`; how many rounds.
async fn publish(scene: &Scene<'_>, accounts: &[Account], is_over: impl Fn() -> bool) -> usize {
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    for round in 1.. {
        let began = clock::stopwatch();
        let text = format!("Round {}, {}", rng::uuid().simple(), scene.brand);
        let mut body = json!({"text": text, "accounts": ids, "media": [{"id": picture}]});
        if accounts.iter().any(|account| account.way.0 == "youtube") {
            body["youtube"] = json!({"title": text, "media": [{"id": film}]});
        }
        scene.published(&scene.post(body).await).await;
        if is_over() {
            return round;
        }
        clock::pause(ROUND.saturating_sub(began.elapsed())).await;
    }
    unreachable!("rounds have no end")
}

/// A fleet with so many accounts, of which a few are posted to.
struct Stage {
    fleet: Fleet,
    brand: String,
    accounts: Vec<Account>,
    /// Another tenant.
    other: Api,
    /// What is open to be chosen.
    waiting: Value,
    /// The key that everything lies under.
    old: String,
}

async fn prepare(count: usize) -> Stage {
    let fleet = Fleet::start_kept(&[]).await;
    let scene = Scene::on(&fleet, "rotation").await;
    let accounts = scene.connect_all("rotation").await;
    multiply(&fleet, &accounts[0], count).await;
    for _ in 0..3 {
        scene.person(X, "waiting").await;
    }
    let waiting = choices(&scene).await;
    let other = fleet.another_tenant("spec").await;
    let own = json!({"clientId": "theirs", "clientSecret": "sim-secret"});
    other.put("/v1/oauth-apps/x/default", &own).await.data();
    Scene::of(&fleet, other.again(), "theirs").await.connect("theirs").await;
    let old = status(&fleet).await["keys"][0]["key"].as_str().unwrap().to_owned();
    let brand = scene.brand;
    Stage { fleet, brand, accounts, other, waiting, old }
}

/// Two pages that a consent brought, of which nobody has chosen yet.
async fn choices(scene: &Scene<'_>) -> Value {
    let wish = json!({
        "brandSlug": scene.brand, "app": "organization", "redirectUri": RETURN_URLS[0],
    });
    let page = scene.api.client.authorize_with("linkedin", &wish).await.unwrap();
    let browser = client::Browser::new().unwrap();
    let back = browser.allow(&page, &["rotation-one", "rotation-two"]).await.unwrap();
    let (code, state) = (value(&back, "code"), value(&back, "state"));
    scene.api.client.exchange("linkedin", &code, &state).await.unwrap()["open"].clone()
}

/// A rotation that is killed when a part of it is done.
async fn kill_midway(fleet: &Fleet, count: usize, rate: &str) {
    let total = i64::try_from(count).unwrap();
    // Slowly, so that there is a midst to be killed in.
    let slow = Worker::start_as(fleet, "killed", &["keys", "rotate", "--rate", rate], &[]);
    eventually("a part is done", Duration::from_secs(60), async || {
        let left = elsewhere(fleet).await;
        if left > 0 && left < total { Ok(()) } else { Err(format!("{left}: {}", slow.log())) }
    })
    .await;
    drop(slow);
    let left = elsewhere(fleet).await;
    assert!(left > total / 10 && left < total, "it died in the midst: {left} left");
}

/// Rotates while posts go out, with a death in the midst of it and a second one beside it.
async fn rotate_under_load(count: usize, rate: &str) {
    let Stage { mut fleet, brand, accounts, other, waiting, old } = prepare(count).await;
    let (api, sim) = (fleet.api(), fleet.sim());
    let scene = Scene { fleet: &fleet, api, sim, brand };
    let (is_good, said) = keys(&fleet, &["new"]).await;
    assert!(is_good, "{said}");
    let (is_good, said) = keys(&fleet, &["retire", &old]).await;
    assert!(!is_good && said.contains("2 data keys are wrapped under"), "{said}");

    let is_over = AtomicBool::new(false);
    let rotation = async {
        kill_midway(&fleet, count, rate).await;
        let began = clock::stopwatch();
        let again = ["rotate", "--json"];
        let ended = tokio::join!(keys(&fleet, &again), keys(&fleet, &again));
        is_over.store(true, Ordering::Relaxed);
        (ended, began.elapsed())
    };
    let posted = publish(&scene, &accounts, || is_over.load(Ordering::Relaxed));
    let (rounds, ((one, two), took)) = tokio::join!(posted, rotation);
    assert!(one.0 && two.0, "{one:?} {two:?}");
    say(format_args!(
        "S-02: {count} grants, the rest after a death in {:.1} s, {rounds} rounds of posts beside it",
        took.as_secs_f64()
    ));
    is_all_under_the_new_key(&fleet, count, &old).await;

    let (is_good, said) = keys(&fleet, &["retire", &old]).await;
    assert!(is_good, "{said}");
    let (is_good, said) = keys(&fleet, &["retire", &old]).await;
    assert!(!is_good && said.contains("has no key"), "{said}");
    // A process that has never seen the old key opens everything.
    let brand = scene.brand;
    fleet.kill();
    fleet.restart(&[]).await;
    let (api, sim) = (fleet.api(), fleet.sim());
    publish(&Scene { fleet: &fleet, api, sim, brand }, &accounts, || true).await;
    let (exchange, id) = (waiting["exchange"].as_str(), waiting["choices"][0]["id"].as_str());
    fleet.api().client.choose(exchange.unwrap(), &[id.unwrap()]).await.unwrap();
    let theirs = Scene::of(&fleet, other, "theirs").await;
    theirs.published(&theirs.say(&theirs.connect("new").await, "Theirs").await).await;
}

async fn is_all_under_the_new_key(fleet: &Fleet, count: usize, old: &str) {
    assert_eq!(elsewhere(fleet).await, 0);
    let status = status(fleet).await;
    let keys = status["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{status}");
    assert_eq!((&keys[1]["key"], &keys[1]["dataKeys"]), (&json!(old), &json!(0)), "{status}");
    assert_eq!((&status["onOld"], &status["onUnknown"]), (&json!(0), &json!(0)), "{status}");
    let mut db = fleet.postgres().await;
    let mut count_of = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap()
    };
    assert_eq!(count_of("SELECT count(*) FROM deliveries WHERE status <> 'published'").await, 0);
    assert_eq!(count_of("SELECT count(*) FROM accounts WHERE status <> 'connected'").await, 0);
    assert_eq!(count_of("SELECT count(*) FROM credentials WHERE version <> 1").await, 0);
    let refused = "SELECT count(*) FROM audit WHERE action = 'vault.refused'";
    assert_eq!(count_of(refused).await, 0);
    // Neither the death nor the second rotation made another data key.
    let made =
        "SELECT count(*) FROM audit WHERE action = 'vault.data_key' AND before ->> 'keyId' <> ''";
    assert_eq!(count_of(made).await, 2);
    let opened = "SELECT sum(count)::bigint FROM openings WHERE purpose = 'rotate'";
    assert!(count_of(opened).await >= i64::try_from(count).unwrap() / 2);
}

// case: S-02
#[tokio::test]
async fn keys_change_under_load_and_a_death_leaves_nothing_behind() {
    rotate_under_load(2_000, "200").await;
}

// case: S-02-long
#[tokio::test]
#[ignore = "a hundred thousand accounts take minutes"]
async fn a_hundred_thousand_grants_change_their_key_under_load() {
    rotate_under_load(100_000, "10000").await;
}
