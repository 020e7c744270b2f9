//! When a grant is renewed, on each platform, by a fleet.

use super::{DAY, MINUTE, RENEWED_WITHIN, owed_ahead, renewed};
use crate::support::ageing::{let_pass, version};
use crate::support::scene::{Account, Way};
use crate::support::{Fleet, Scene, eventually, say};
use base::clock;
use domain::id::AccountId;
use std::collections::BTreeMap;
use std::time::Duration;

/// Less than the span over which renewals come apart.
const JUMP: Duration = Duration::from_secs(5);

/// When the present token was granted and when it ends, in milliseconds.
async fn life(fleet: &Fleet, account: &Account) -> (i64, i64) {
    let id: AccountId = account.id.parse().unwrap();
    sqlx::query_as(
        "SELECT (extract(epoch FROM refreshed_at) * 1000)::bigint,
             (extract(epoch FROM expires_at) * 1000)::bigint
         FROM credentials WHERE account_id = $1",
    )
    .bind(id.uuid())
    .fetch_one(&mut fleet.postgres().await)
    .await
    .unwrap()
}

fn span(from: i64, to: i64) -> Duration {
    Duration::from_millis(u64::try_from(to - from).expect("in order"))
}

/// So much time passes that the first of these tokens has `left` to go, and nobody has stirred.
async fn until(fleet: &Fleet, accounts: &[Account], left: Duration) {
    let mut first = i64::MAX;
    for account in accounts {
        first = first.min(life(fleet, account).await.1);
    }
    let_pass(fleet, span(clock::now().ms(), first) - left).await;
    for account in accounts {
        assert_eq!(version(fleet, account).await, 1, "not at eleven minutes");
    }
}

/// How much was left of the token of each account when it was replaced. Time passes in jumps, each
/// after what is due was done.
async fn replaced(fleet: &Fleet, accounts: &[Account]) -> Vec<Duration> {
    let mut ends = BTreeMap::new();
    for account in accounts {
        ends.insert(account.id.as_str(), life(fleet, account).await.1);
    }
    let mut seen = BTreeMap::new();
    while seen.len() < accounts.len() {
        eventually("what is due is renewed", RENEWED_WITHIN, async || {
            let due = "SELECT count(*) FROM jobs
                       WHERE kind = 'refresh' AND due_at <= clock_timestamp()";
            let due: i64 =
                sqlx::query_scalar(due).fetch_one(&mut fleet.postgres().await).await.unwrap();
            if due == 0 { Ok(()) } else { Err(due.to_string()) }
        })
        .await;
        for account in accounts {
            let id = account.id.as_str();
            let left = ends[id] - clock::now().ms();
            if seen.contains_key(id) {
                continue;
            }
            if version(fleet, account).await == 2 {
                let (renewed, _) = life(fleet, account).await;
                seen.insert(id, span(renewed, ends[id]));
            }
            assert!(seen.contains_key(id) || left > 540_000, "{:?}: {left} ms", account.way);
        }
        let_pass(fleet, JUMP).await;
        ends.values_mut().for_each(|at| *at -= i64::try_from(JUMP.as_millis()).unwrap());
    }
    seen.into_values().collect()
}

// case: K-window
#[tokio::test]
async fn tokens_of_hours_are_renewed_between_eleven_and_nine_minutes_before_their_end() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "window").await;
    let mut accounts = Vec::new();
    // X's live two hours, Google's one.
    for name in ["one", "two", "three"] {
        accounts.push(scene.connect_on(("x", None), name).await);
    }
    let_pass(&fleet, MINUTE * 60).await;
    for name in ["one", "two", "three"] {
        accounts.push(scene.connect_on(("youtube", None), name).await);
    }
    for account in &accounts {
        let ahead = owed_ahead(&fleet, account).await.unwrap();
        assert!((599.0..=651.0).contains(&ahead), "{ahead}");
    }
    until(&fleet, &accounts, MINUTE * 11).await;
    let seen = replaced(&fleet, &accounts).await;
    assert_eq!(seen.len(), accounts.len());
    for left in &seen {
        assert!(*left < MINUTE * 11 && *left >= MINUTE * 9, "{left:?} left");
    }
    let left: Vec<u64> = seen.iter().map(Duration::as_secs).collect();
    say(format_args!("window: renewed with {left:?} s left"));
}

// case: K-weekly
#[tokio::test]
async fn tokens_of_months_are_renewed_weekly_or_a_week_ahead() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "weekly").await;
    let login: Way = ("instagram", Some("instagram_login"));
    let mut weekly = vec![scene.connect_on(("threads", None), "weekly").await];
    let mut late = Vec::new();
    for app in ["personal", "organization"] {
        late.push(scene.connect_on(("linkedin", Some(app)), "weekly").await);
    }
    weekly.push(scene.connect_business(login, "weekly").await);
    // A platform of Meta renews no token that is younger than a day.
    scene.sim.clock(DAY * 8).await;
    let_pass(&fleet, DAY * 7 - MINUTE).await;
    for account in weekly.iter().chain(&late) {
        assert_eq!(version(&fleet, account).await, 1, "not on the sixth day");
        let ahead = owed_ahead(&fleet, account).await.unwrap();
        let ahead = Duration::from_secs_f64(ahead);
        let wanted = if account.way.0 == "linkedin" { DAY * 7 } else { DAY * 53 };
        assert!(ahead <= wanted && ahead > wanted - DAY / 4, "{:?}: {ahead:?}", account.way);
    }
    let_pass(&fleet, DAY / 4 + MINUTE * 2).await;
    for account in &weekly {
        renewed(&fleet, account, 1).await;
    }
    for account in &late {
        assert_eq!(version(&fleet, account).await, 1, "not for weeks");
    }
    scene.sim.clock(DAY * 50).await;
    let_pass(&fleet, DAY * 46).await;
    for account in &late {
        renewed(&fleet, account, 1).await;
    }
}
