//! What alerts are about, brought about.

use crate::support::ageing::{age, age_intents, lose, rest_over};
use crate::support::prometheus::Prometheus;
use crate::support::scene::{Account, delivery};
use crate::support::worker::Worker;
use crate::support::{Scene, eventually};
use base::clock;
use domain::id::{AccountId, PostId};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// A version of an API that ends within days, a collector of traces that is not there, and a
/// platform whose posts stay invisible for a minute.
pub const ENVIRONMENT: [(&str, &str); 3] = [
    ("POSTFLEET__PLATFORMS__LINKEDIN__API_VERSION", "202512"),
    ("POSTFLEET__TELEMETRY__OTLP_URL", "http://127.0.0.1:9/v1/traces"),
    ("POSTFLEET__PLATFORMS__X__VISIBILITY_DELAY_MS", "60000"),
];
const SOON: Duration = Duration::from_secs(30);
/// More than five, and more than one in twenty.
const REFUSED: usize = 12;

/// The accounts that suffer.
pub struct Causes<'a> {
    pub scene: Scene<'a>,
    lost: Vec<Account>,
    refused: Account,
    damaged: Account,
    late: Account,
    forgotten: Account,
    ending: Account,
    unknown: Account,
    busy: Account,
    person: Account,
    page: Account,
    threads: Vec<Account>,
}

fn uuid(account: &Account) -> uuid::Uuid {
    account.id.parse::<AccountId>().unwrap().uuid()
}

impl<'a> Causes<'a> {
    /// Connects them.
    pub async fn prepare(scene: Scene<'a>) -> Self {
        let (mut lost, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            lost.push(scene.connect("lost").await);
            threads.push(scene.connect_on(("threads", None), "outage").await);
        }
        let busy = scene.connect("busy").await;
        // How late posts are is told once one has left.
        scene.published(&scene.say(&busy, &format!("First, {}", scene.brand)).await).await;
        Self {
            lost,
            threads,
            busy,
            refused: scene.connect("refused").await,
            damaged: scene.connect("damaged").await,
            late: scene.connect("late").await,
            forgotten: scene.connect("forgotten").await,
            ending: scene.connect("ending").await,
            unknown: scene.connect("unknown").await,
            person: scene.connect_on(("linkedin", Some("personal")), "person").await,
            page: scene.connect_on(("linkedin", Some("organization")), "page").await,
            scene,
        }
    }

    async fn say(&self, account: &Account, what: &str) -> Value {
        let text = format!("{what} {}", base::rng::uuid().simple());
        self.scene.say(account, &text).await
    }

    async fn is(&self, post: &Value, account: &Account, status: &str) {
        let is_it = |shown: &Value| delivery(shown, account)["status"] == status;
        self.scene.until(post, status, is_it).await;
    }

    /// Three owners take their consent back within an hour, a quarter of an hour apart: at once they
    /// would be taken for an outage.
    pub async fn lose_accounts(&self) {
        let fleet = self.scene.fleet;
        for account in &self.lost {
            age(fleet, account, Duration::from_secs(3_600)).await;
            self.scene.sim.fault(&account.handle, json!({"kind": "revoke"})).await;
            let post = self.say(account, "Revoked").await;
            self.is(&post, account, "parked").await;
            lose(fleet, account).await;
            rest_over(fleet, account, Duration::from_secs(1_000)).await;
        }
    }

    /// A dozen posts are refused, for a reason that nobody knows.
    pub async fn refuse_many(&self) {
        let body = json!({"type": "https://api.x.com/2/problems/moon-phase", "title": "Moon",
            "detail": "The moon is full", "status": 400});
        let fault = json!({"kind": "serverError", "route": "tweets.create", "status": 400,
            "body": body, "count": REFUSED});
        self.scene.sim.fault(&self.refused.handle, fault).await;
        let mut posts = Vec::new();
        for _ in 0..REFUSED {
            posts.push(self.say(&self.refused, "Refused").await);
        }
        for post in &posts {
            self.is(post, &self.refused, "failed").await;
        }
    }

    /// Somebody alters what lies in the vault.
    pub async fn damage_a_grant(&self) {
        sqlx::query(
            "UPDATE credentials SET sealed = set_byte(sealed, length(sealed) - 1,
                 get_byte(sealed, length(sealed) - 1) # 1) WHERE account_id = $1",
        )
        .bind(uuid(&self.damaged))
        .execute(&mut self.scene.fleet.postgres().await)
        .await
        .unwrap();
        let post = self.say(&self.damaged, "Damaged").await;
        self.is(&post, &self.damaged, "failed").await;
    }

    /// A post leaves two minutes after its time.
    pub async fn leave_late(&self) {
        let at = clock::now() + Duration::from_secs(12);
        let text = format!("Late {}", base::rng::uuid().simple());
        let post = json!({"text": text, "accounts": [self.late.id], "scheduledAt": at});
        let post = self.scene.post(post).await;
        self.is(&post, &self.late, "scheduled").await;
        let id: PostId = post["id"].as_str().unwrap().parse().unwrap();
        sqlx::query(
            "UPDATE deliveries SET due_at = due_at - interval '2 minutes' WHERE post_id = $1",
        )
        .bind(id.uuid())
        .execute(&mut self.scene.fleet.postgres().await)
        .await
        .unwrap();
        self.scene.published(&post).await;
    }

    /// Somebody takes a job out of Redis some seconds before it is due. It was armed so long ago
    /// that the sweep does not look after it before it is late.
    pub async fn forget_a_job(&self) -> Value {
        let at = clock::now() + Duration::from_secs(25);
        let text = format!("Forgotten {}", base::rng::uuid().simple());
        let post = json!({"text": text, "accounts": [self.forgotten.id], "scheduledAt": at});
        let post = self.scene.post(post).await;
        self.is(&post, &self.forgotten, "scheduled").await;
        let id: PostId = post["id"].as_str().unwrap().parse().unwrap();
        let aged = sqlx::query(
            "UPDATE jobs SET armed_at = armed_at - interval '5 minutes' WHERE kind = 'publish'
                 AND subject IN (SELECT id FROM deliveries WHERE post_id = $1)",
        );
        let aged = aged.bind(id.uuid()).execute(&mut self.scene.fleet.postgres().await).await;
        assert_eq!(aged.unwrap().rows_affected(), 1);
        let mut redis = self.scene.fleet.redis().await;
        let lane = format!("*:q:publish:x:lane:*:{}", uuid(&self.forgotten));
        eventually("the drift is seen", SOON, async || {
            // Again each time: a sweep that read the job before has told it once more.
            let mut keys = redis::cmd("KEYS");
            let keys: Vec<String> = keys.arg(&lane).query_async(&mut redis).await.unwrap();
            for key in keys {
                redis::cmd("DEL").arg(key).exec_async(&mut redis).await.unwrap();
            }
            let shown = self.scene.api.metrics().await;
            match shown.lines().find_map(|line| line.strip_prefix("postfleet_ledger_drift ")) {
                Some("1") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        post
    }

    /// Redis knows all that is owed, whatever has failed.
    pub async fn all_is_known(&self) {
        eventually("nothing has drifted", SOON, async || {
            let shown = self.scene.api.metrics().await;
            let drift = shown.lines().find(|line| line.starts_with("postfleet_ledger_drift "));
            if drift == Some("postfleet_ledger_drift 0") {
                Ok(())
            } else {
                Err(format!("{drift:?}"))
            }
        })
        .await;
    }

    /// The token endpoint of a platform breaks, and a token ends in some minutes.
    pub async fn refuse_renewals(&self) {
        let fleet = self.scene.fleet;
        let torn = json!({"kind": "serverError", "route": "oauth.token", "status": 503,
            "body": {"error": "server_error"}, "count": 1_000});
        self.scene.sim.faults(json!([torn])).await;
        age(fleet, &self.ending, Duration::from_secs(480)).await;
        let due = sqlx::query(
            "UPDATE jobs SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                 generation = nextval('job_generation') WHERE kind = 'refresh' AND subject = $1",
        );
        let due = due.bind(uuid(&self.ending)).execute(&mut fleet.postgres().await).await;
        assert_eq!(due.unwrap().rows_affected(), 1);
        eventually("its renewal has failed", SOON, async || {
            let failed = "postfleet_refreshes_total{platform=\"x\",result=\"failed\"}";
            let shown = self.scene.api.metrics().await;
            if shown.contains(failed) { Ok(()) } else { Err("it was not tried".to_owned()) }
        })
        .await;
    }

    /// An answer is lost, and the platform shows nothing of it for twenty minutes.
    pub async fn lose_an_answer_for_long(&self) {
        let lost = json!({"kind": "resetBeforeAccept", "route": "tweets.create"});
        self.scene.sim.fault(&self.unknown.handle, lost).await;
        let post = self.say(&self.unknown, "Unknown").await;
        self.is(&post, &self.unknown, "reconciling").await;
        age_intents(self.scene.fleet, &self.unknown, Duration::from_secs(1_200)).await;
    }

    /// An answer is lost that nothing but a person can find out about.
    pub async fn lose_an_answer_for_good(&self) {
        let lost = json!({"kind": "acceptThenReset", "route": "posts.create"});
        self.scene.sim.fault_on("linkedin", &self.person.handle, lost).await;
        let post = self.say(&self.person, "Lost").await;
        self.is(&post, &self.person, "review").await;
    }

    /// The platform says that our version of its API is over.
    pub async fn refuse_the_app(&self) {
        let body = json!({"status": 426, "code": "NONEXISTENT_VERSION",
            "message": "Requested version 20251201 is not active"});
        let fault =
            json!({"kind": "serverError", "route": "posts.create", "status": 426, "body": body});
        self.scene.sim.fault_on("linkedin", &self.page.handle, fault).await;
        let post = self.say(&self.page, "Over").await;
        self.is(&post, &self.page, "parked").await;
    }

    /// A platform refuses everybody's tokens.
    pub async fn break_a_platform(&self) {
        let tokens = |route: &str| {
            json!({"kind": "serverError", "status": 401, "route": route, "count": 1_000,
                "body": "Unauthorized"})
        };
        let all = json!({"kind": "unauthorizedAll", "s": 1_000_000});
        let faults = json!([all, tokens("oauth.token"), tokens("oauth.refresh")]);
        self.scene.sim.faults_on("threads", faults).await;
        let mut posts = Vec::new();
        for account in &self.threads {
            posts.push(self.say(account, "Outage").await);
        }
        for (account, post) in self.threads.iter().zip(&posts) {
            self.is(post, account, "parked").await;
        }
    }

    /// What waits behind the gate of that platform is parked, and nobody is to scale for it.
    pub async fn wait_behind_a_gate(&self) {
        let post = self.say(&self.threads[0], "Parked").await;
        self.is(&post, &self.threads[0], "parked").await;
        let queue = "queue=\"publish:threads\"";
        eventually("it is parked", SOON, async || {
            let shown = self.scene.api.metrics().await;
            let of = |name: &str, state: &str| {
                let series = format!("postfleet_queue_{name}{{{queue}{state}}} ");
                let line = shown.lines().find_map(|line| line.strip_prefix(&series));
                line.and_then(|value| value.parse::<f64>().ok())
            };
            let parked = of("depth", ",state=\"parked\"");
            let others = [
                of("depth", ",state=\"ready\""),
                of("due_within_60s", ""),
                of("oldest_ready_age_seconds", ""),
            ];
            match (parked, others) {
                (Some(1.0..), [Some(0.0), Some(0.0), Some(0.0)]) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// A process dies with a job in its hands.
    pub async fn kill_a_worker(&self) {
        let orders = [("POSTFLEET_CRASH_AT", "publish.after_claim:1")];
        let mut worker = Worker::start_as(self.scene.fleet, "doomed", &["work"], &orders);
        eventually("it is at work", SOON, async || {
            let log = worker.log();
            if log.contains("at work") { Ok(()) } else { Err(log) }
        })
        .await;
        let mut posts = Vec::new();
        eventually("it dies", SOON, async || {
            // Either process may take a post.
            posts.push(self.say(&self.busy, "Busy").await);
            worker.ended().map(|_| ()).ok_or_else(|| "it lives".to_owned())
        })
        .await;
        for post in &posts {
            self.scene.published(post).await;
        }
    }

    /// Posts go out, and Prometheus has seen that they do.
    pub async fn publish_some(&self, prometheus: &Prometheus) {
        let mut posts = Vec::new();
        for _ in 0..10 {
            posts.push(self.say(&self.busy, "Flow").await);
        }
        for post in &posts {
            self.scene.published(post).await;
        }
        eventually("the flow is seen", SOON, async || {
            match prometheus.value("sum(rate(postfleet_published_total[10s]))").await {
                Some(flow) if flow > 0.5 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Redis stands still, and what falls due meanwhile has waited for ten minutes.
    pub async fn stop_redis(&self) {
        let at = clock::now() + Duration::from_secs(12);
        let text = format!("Waits {}", base::rng::uuid().simple());
        let post = json!({"text": text, "accounts": [self.busy.id], "scheduledAt": at});
        let post = self.scene.post(post).await;
        self.is(&post, &self.busy, "scheduled").await;
        signal("STOP", self.scene.fleet.servers().1);
        let id: PostId = post["id"].as_str().unwrap().parse().unwrap();
        let aged = sqlx::query(
            "UPDATE jobs SET due_at = due_at - interval '10 minutes' WHERE kind = 'publish'
                 AND subject IN (SELECT id FROM deliveries WHERE post_id = $1)",
        );
        let aged = aged.bind(id.uuid()).execute(&mut self.scene.fleet.postgres().await).await;
        assert_eq!(aged.unwrap().rows_affected(), 1);
    }

    /// No process of Postgres moves.
    pub fn stop_postgres(&self) {
        self.signal_postgres("STOP");
    }

    /// All go on.
    pub fn resume(&self) {
        self.signal_postgres("CONT");
        signal("CONT", self.scene.fleet.servers().1);
    }

    fn signal_postgres(&self, name: &str) {
        let postmaster = self.scene.fleet.servers().0;
        signal(name, postmaster);
        let parent = postmaster.to_string();
        let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &parent]).output().unwrap();
        for child in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
            signal(name, child.parse().unwrap());
        }
    }
}

fn signal(name: &str, pid: u32) {
    // One that has ended meanwhile needs none.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
}
