//! Posts with a time of their own, so many a second, and what became of them.

use crate::support::{Account, Fleet, Scene, eventually};
use base::clock;
use domain::time::Timestamp;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Posts of one request.
const ROWS_MAX: usize = 5_000;
/// Longer than an intent's deadline, two look-ups and another call take.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Deliveries that fall due evenly, and when each does.
pub struct Load {
    accounts: Vec<Account>,
    due: BTreeMap<String, Timestamp>,
}

/// How many are to fall due, and when.
#[derive(Clone, Copy)]
pub struct Plan {
    /// The first one.
    pub first: Timestamp,
    /// For so long.
    pub lasts: Duration,
    /// So many in a second.
    pub per_second: usize,
}

/// What became of a load.
#[derive(Debug)]
pub struct Figures {
    /// Deliveries in all.
    pub deliveries: usize,
    /// Those that are not on the platform.
    pub lost: usize,
    /// Those that are there more than once.
    pub doubled: usize,
    /// Those that ended otherwise than published.
    pub unpublished: usize,
    /// From the due time until the platform has taken it, for 99 of 100.
    pub p99: Duration,
    /// The same for the last of all.
    pub max: Duration,
}

impl Load {
    /// Has posts accepted that go out on all of these accounts, each of them once.
    pub async fn sow(scene: &Scene<'_>, accounts: &[Account], plan: Plan) -> Self {
        let all = plan.per_second * usize::try_from(plan.lasts.as_secs()).unwrap();
        let posts = all / accounts.len();
        let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
        let mut due = BTreeMap::new();
        let mut rows = Vec::new();
        for number in 0..posts {
            let share = u32::try_from(posts).unwrap();
            let at = plan.first + plan.lasts / share * u32::try_from(number).unwrap();
            let text = format!("Load {number} of {}", scene.brand);
            let row = json!({
                "brandSlug": scene.brand, "text": text, "accounts": ids,
                "scheduledAt": at.to_string(),
            });
            due.insert(text, at);
            rows.push(row.to_string());
        }
        for part in rows.chunks(ROWS_MAX) {
            let request = scene.api.request(Method::POST, "/v1/posts/bulk");
            let request = request.header("Content-Type", "application/x-ndjson");
            let answer = request.body(part.join("\n")).send().await.unwrap();
            let (status, told) = (answer.status(), answer.text().await.unwrap());
            assert!(status.is_success(), "{status}: {told:.600}");
        }
        Self { accounts: accounts.to_vec(), due }
    }

    /// How many deliveries it has.
    pub fn deliveries(&self) -> usize {
        self.due.len() * self.accounts.len()
    }

    /// Waits until all have ended, and compares what the platform has with what was asked for.
    pub async fn judge(&self, fleet: &Fleet) -> Figures {
        let asked =
            "SELECT count(*) FILTER (WHERE status NOT IN ('published', 'review', 'failed')),
                         count(*) FILTER (WHERE status = 'published'), count(*)
                     FROM deliveries WHERE platform = 'x'";
        let mut db = fleet.postgres().await;
        let (published, all) = eventually("every delivery ends", SETTLED_WITHIN, async || {
            let counted = sqlx::query_as::<_, (i64, i64, i64)>(asked).fetch_one(&mut db).await;
            match counted.unwrap() {
                (0, published, all) => Ok((published, all)),
                (open, ..) => Err(format!("{open} open")),
            }
        })
        .await;
        assert_eq!(usize::try_from(all).unwrap(), self.deliveries());
        let mut taken: BTreeMap<(String, String), Vec<Timestamp>> = BTreeMap::new();
        for one in fleet.sim().accepted("x").await {
            taken.entry((one.account, one.text)).or_default().push(one.at);
        }
        let mut late: Vec<Duration> = Vec::with_capacity(self.deliveries());
        let mut lost = 0;
        for (text, due) in &self.due {
            for account in &self.accounts {
                match taken.get(&(account.remote_id.clone(), text.clone())) {
                    Some(at) => late.push(at[0].since(*due)),
                    None => lost += 1,
                }
            }
        }
        late.sort_unstable();
        let nth = |percent: usize| {
            let place = (late.len() * percent / 100).min(late.len().saturating_sub(1));
            late.get(place).copied().unwrap_or_default()
        };
        Figures {
            deliveries: self.deliveries(),
            lost,
            doubled: taken.values().filter(|at| at.len() > 1).count(),
            unpublished: usize::try_from(all - published).unwrap(),
            p99: nth(99),
            max: nth(100),
        }
    }
}

/// So many accounts on X, consent by consent; no limit of the platform stands in a load's way.
pub async fn accounts(scene: &Scene<'_>, count: usize) -> Vec<Account> {
    let wide =
        |window_s: u32| json!({"tweets.create": {"callsMax": 1_000_000, "windowS": window_s}});
    let limits = json!({"account": wide(900), "app": wide(86_400)});
    scene.sim.limits("x", &limits).await;
    let mut accounts = Vec::with_capacity(count);
    for _ in 0..count {
        accounts.push(scene.connect("load").await);
    }
    accounts
}

/// A plan that begins so far from now.
pub fn plan(ahead: Duration, lasts: Duration, per_second: usize) -> Plan {
    Plan { first: clock::now() + ahead, lasts, per_second }
}
