//! A process dies at every point on the way of a renewal: the account recovers, or says once that
//! it needs its owner.

use crate::support::ageing::{age, let_pass};
use crate::support::{Account, Fleet, Scene, eventually, say};
use base::crash::REFRESH_POINTS;
use domain::id::AccountId;
use std::collections::BTreeMap;
use std::time::Duration;

/// A start, the taking back of its jobs by the queue, and a turn alone.
const NEXT_WITHIN: Duration = Duration::from_secs(40);
const DEATHS_MAX: usize = 3 * REFRESH_POINTS.len();
const MINUTE: Duration = Duration::from_secs(60);

/// An account as the database has it.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    status: String,
    version: i64,
    is_owed: bool,
    told: i64,
}

async fn row(fleet: &Fleet, account: &Account) -> Row {
    let id: AccountId = account.id.parse().unwrap();
    sqlx::query_as(
        "SELECT a.status, c.version,
             EXISTS (SELECT FROM jobs WHERE kind = 'refresh' AND subject = a.id) AS is_owed,
             (SELECT count(*) FROM events e WHERE e.subject = $2
                 AND e.kind = 'account.needs_reconnect') AS told
         FROM accounts a JOIN credentials c ON c.account_id = a.id WHERE a.id = $1",
    )
    .bind(id.uuid())
    .bind(&account.id)
    .fetch_one(&mut fleet.postgres().await)
    .await
    .unwrap()
}

/// Starts it again after each death, until every point has been passed. How often it died.
async fn die(fleet: &mut Fleet, orders: &str) -> usize {
    let folder = fleet.root().join("passages");
    std::fs::create_dir(&folder).unwrap();
    let armed = [("POSTFLEET_CRASH_AT", orders), ("POSTFLEET_CRASH_DIR", folder.to_str().unwrap())];
    let mut deaths = 0;
    loop {
        // Who passes a point dies of it, a moment after it is written down.
        let passed = || std::fs::read_dir(&folder).unwrap().count();
        let is_over = passed() == REFRESH_POINTS.len();
        if fleet.try_restart(&armed).await.is_ok() {
            if is_over {
                return deaths;
            }
            eventually("it dies", NEXT_WITHIN, async || match fleet.ended() {
                Some(_) => Ok(()),
                None => Err(format!("{} points are passed", passed())),
            })
            .await;
        }
        deaths += 1;
        assert!(deaths <= DEATHS_MAX, "it is tried for ever");
    }
}

// case: F-06
#[tokio::test]
async fn whoever_dies_over_a_renewal_leaves_an_account_that_recovers_or_says_so_once() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let (brand, accounts) = {
        let scene = Scene::on(&fleet, "renewal").await;
        let mut accounts = Vec::new();
        for _ in REFRESH_POINTS {
            let account = scene.connect("renewal").await;
            age(&fleet, &account, MINUTE * 12).await;
            accounts.push(account);
        }
        (scene.brand, accounts)
    };
    fleet.kill();
    // All are due at once, each with a death of its own ahead.
    sqlx::query(
        "UPDATE jobs SET due_at = clock_timestamp(), generation = nextval('job_generation')",
    )
    .execute(&mut fleet.postgres().await)
    .await
    .unwrap();
    let order = |(point, account): (&&str, &Account)| {
        let id: AccountId = account.id.parse().unwrap();
        format!("{point}@{}", id.uuid())
    };
    let orders: Vec<String> = REFRESH_POINTS.iter().zip(&accounts).map(order).collect();
    let deaths = die(&mut fleet, &orders.join(",")).await;
    // Two of them may be passed at the same instant, and die together.
    assert!((1..=REFRESH_POINTS.len()).contains(&deaths), "{deaths}");

    // Whoever is found with an open intent is tried after its deadline; whoever is refused then,
    // ten minutes later once more.
    let settled = |row: &Row| row.version == 2 || row.status == "needs_reconnect";
    let scene = Scene { fleet: &fleet, api: fleet.api(), sim: fleet.sim(), brand };
    let ten_minutes = [MINUTE * 11; 5];
    for passing in [Duration::from_secs(41)].into_iter().chain(ten_minutes) {
        let mut open = 0;
        for account in &accounts {
            open += usize::from(!settled(&row(&fleet, account).await));
        }
        if open == 0 {
            break;
        }
        eventually("renewed, or waiting", NEXT_WITHIN, async || {
            let due: Vec<String> = sqlx::query_scalar(
                "SELECT subject::text FROM jobs j JOIN credentials c ON c.account_id = j.subject
                 WHERE j.kind = 'refresh' AND j.due_at <= clock_timestamp()
                     AND coalesce(c.refresh_deadline_at, '-infinity') < clock_timestamp()",
            )
            .fetch_all(&mut fleet.postgres().await)
            .await
            .unwrap();
            if due.is_empty() { Ok(()) } else { Err(format!("{due:?}")) }
        })
        .await;
        let_pass(&fleet, passing).await;
        // Three of a platform's accounts are an outage, unless others are served.
        scene.connect("served").await;
    }
    let mut seen = BTreeMap::new();
    for (point, account) in REFRESH_POINTS.iter().zip(&accounts) {
        let row = eventually(point, NEXT_WITHIN, async || {
            let row = row(&fleet, account).await;
            if settled(&row) { Ok(row) } else { Err(format!("{row:?}")) }
        })
        .await;
        let is_lost = row.status == "needs_reconnect";
        // A pair that was answered and not kept is gone; nothing else may be.
        let may_lose = ["refresh.after_send", "refresh.after_read", "refresh.before_commit"];
        assert_eq!(is_lost, may_lose.contains(point), "{point}: {row:?}");
        assert_eq!(row.told, i64::from(is_lost), "{point}: {row:?}");
        assert_eq!(row.is_owed, !is_lost, "{point}: {row:?}");
        seen.insert(*point, row);
    }
    let calls = fleet.sim().renewals("x").len();
    // Three pairs were lost, and shown to be spent a few times each.
    assert!(calls <= 4 + 3 * 6, "{calls}");
    say(format_args!("renewal: {deaths} deaths, {calls} token calls, {seen:?}"));
    for account in &accounts {
        let again = scene.connect_as(account.way, &account.handle).await;
        assert_eq!(again.id, account.id);
        assert_eq!(row(&fleet, account).await.status, "connected");
    }
}
