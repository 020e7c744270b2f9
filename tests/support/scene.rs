//! A brand with accounts of its own, so that tests on one fleet do not meet.

use super::api::{Answer, Api};
use super::fleet::Fleet;
use super::sim::Sim;
use super::wait::eventually;
use base::rng;
use platforms::sim::Accepted;
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than a refused call, two look-ups and another call take on a busy machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(40);

/// Longer than a busy machine says that it cannot take a post now.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(40);

/// A brand on a fleet.
pub struct Scene<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// Its API.
    pub api: Api,
    /// Its simulators.
    pub sim: Sim,
    /// The brand.
    pub brand: String,
}

/// A way to connect: a platform, and which of our registrations where it has several.
pub type Way = (&'static str, Option<&'static str>);

/// X, as most tests need no other.
pub const X: Way = ("x", None);

/// One account of each kind that a brand would have.
pub const WAYS: [Way; 6] = [
    X,
    ("linkedin", Some("personal")),
    ("linkedin", Some("organization")),
    ("instagram", None),
    ("threads", None),
    ("youtube", None),
];

/// A connected account.
#[derive(Debug, Clone)]
pub struct Account {
    /// How it was connected.
    pub way: Way,
    /// Ours.
    pub id: String,
    /// The name a person knows it by.
    pub handle: String,
    /// The platform's.
    pub remote_id: String,
}

impl Scene<'static> {
    /// A fresh brand on the fleet that the tests share.
    pub async fn open(name: &str) -> Self {
        Self::on(Fleet::shared().await, name).await
    }
}

impl<'a> Scene<'a> {
    /// A fresh brand on a fleet.
    pub async fn on(fleet: &'a Fleet, name: &str) -> Self {
        Self::of(fleet, fleet.api(), name).await
    }

    /// A fresh brand of the tenant whose API this is.
    pub async fn of(fleet: &'a Fleet, api: Api, name: &str) -> Self {
        let sim = fleet.sim();
        let brand = format!("{name}-{}", &rng::uuid().simple().to_string()[..8]);
        api.client.ensure_brand(&brand, name).await.unwrap();
        Self { fleet, api, sim, brand }
    }

    /// A fresh brand with one account.
    pub async fn with_account(name: &str) -> (Scene<'static>, Account) {
        let scene = Scene::open(name).await;
        let account = scene.connect(name).await;
        (scene, account)
    }

    /// Connects a fresh account on X through the consent page.
    pub async fn connect(&self, name: &str) -> Account {
        self.connect_on(X, name).await
    }

    /// Connects a fresh account through the consent page of a platform.
    pub async fn connect_on(&self, way: Way, name: &str) -> Account {
        let handle = format!("{name}-{}", &rng::uuid().simple().to_string()[..8]);
        self.connect_as(way, &handle).await
    }

    /// One fresh account of each kind.
    pub async fn connect_all(&self, name: &str) -> Vec<Account> {
        let mut accounts = Vec::new();
        for way in WAYS {
            accounts.push(self.connect_on(way, name).await);
        }
        accounts
    }

    /// Connects the account of this handle, or connects it once more.
    pub async fn connect_as(&self, way: Way, handle: &str) -> Account {
        let client = &self.api.client;
        let page = client.authorize(way.0, &self.brand, way.1).await.unwrap();
        client.consent(&page, Some(handle)).await.unwrap();
        let accounts = client.accounts(&self.brand).await.unwrap();
        let bare = |name: &str| name.trim_start_matches('@').to_owned();
        let is_it = |a: &client::Account| a.platform == way.0 && bare(&a.handle) == handle;
        let is_ours = |a: &client::Account| way.1.is_none_or(|app| a.app == app);
        let found = accounts.into_iter().find(|account| is_it(account) && is_ours(account));
        let account = found.expect("the account is among the brand's");
        assert_eq!(account.status, "connected");
        let is_kind = |one: &Value| way.1.is_none_or(|app| one["kind"] == app);
        let mut known = self.sim.accounts(way.0).await.into_iter();
        let remote = known.find(|one| one["handle"] == handle && is_kind(one));
        let remote_id = remote.unwrap()["id"].as_str().unwrap().to_owned();
        Account { way, id: account.id, handle: handle.to_owned(), remote_id }
    }

    /// A post of this brand.
    pub fn draft(&self, mut post: Value) -> Value {
        post["brandSlug"] = self.brand.clone().into();
        post
    }

    /// Tries to enqueue a post.
    pub async fn try_post(&self, post: Value) -> Answer {
        self.api.post("/v1/posts", &self.draft(post)).await
    }

    /// Enqueues a post, as a sender should: under a key, and again while the answer is that it
    /// cannot be said now, as on a machine that is too busy. What the API shows of it.
    pub async fn post(&self, post: Value) -> Value {
        let (draft, key) = (self.draft(post), rng::uuid().to_string());
        eventually("the post is accepted", ACCEPTED_WITHIN, async || {
            let answer = self.api.post_once("/v1/posts", &draft, &key).await;
            if answer.status == 503 {
                return Err(format!("{answer:?}"));
            }
            assert!([200, 201].contains(&answer.status), "{answer:?}");
            Ok(answer.data().clone())
        })
        .await
    }

    /// Enqueues a text on one account.
    pub async fn say(&self, account: &Account, text: &str) -> Value {
        self.post(json!({"text": text, "accounts": [account.id]})).await
    }

    /// What the API shows of a post now.
    pub async fn show(&self, post: &Value) -> Value {
        let path = format!("/v1/posts/{}", post["id"].as_str().unwrap());
        self.api.get(&path).await.data().clone()
    }

    /// What the API shows of the first delivery of a post, whole.
    pub async fn whole(&self, post: &Value) -> Value {
        let id = post["deliveries"][0]["id"].as_str().unwrap();
        self.api.get(&format!("/v1/deliveries/{id}")).await.data().clone()
    }

    /// Asks for something to be done with a post.
    pub async fn order(&self, post: &Value, what: &str) -> Answer {
        let path = format!("/v1/posts/{}/{what}", post["id"].as_str().unwrap());
        self.api.post(&path, &json!({})).await
    }

    /// The post once `is` holds of it.
    pub async fn until(&self, post: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, SETTLED_WITHIN, async || {
            let shown = self.show(post).await;
            if is(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    /// The post once it waits for its time on every account that it still goes to.
    pub async fn scheduled(&self, post: &Value) -> Value {
        let is_it = |shown: &Value| {
            let mut left = deliveries(shown).filter(|one| one["status"] != "cancelled").peekable();
            left.peek().is_some() && left.all(|one| one["status"] == "scheduled")
        };
        self.until(post, "the post is scheduled", is_it).await
    }

    /// The post once nothing more happens to it without a person.
    pub async fn settled(&self, post: &Value) -> Value {
        self.until(post, "the post settles", |shown| deliveries(shown).all(is_settled)).await
    }

    /// The post once it is published on every account.
    pub async fn published(&self, post: &Value) -> Value {
        let shown = self.settled(post).await;
        assert_eq!(shown["status"], "published", "{shown}");
        shown
    }

    /// Orders a misfortune for an account.
    pub async fn fault(&self, account: &Account, fault: Value) {
        self.sim.fault_on(account.way.0, &account.remote_id, fault).await;
    }

    /// What its platform accepted from an account.
    pub async fn accepted(&self, account: &Account) -> Vec<Accepted> {
        self.sim.accepted_from(account.way.0, &account.remote_id).await
    }

    /// The wordings that its platform accepted from an account.
    pub async fn texts(&self, account: &Account) -> Vec<String> {
        self.accepted(account).await.into_iter().map(|accepted| accepted.text).collect()
    }
}

/// The deliveries of a post.
pub fn deliveries(post: &Value) -> impl Iterator<Item = &Value> {
    post["deliveries"].as_array().into_iter().flatten()
}

/// The delivery of a post on an account.
pub fn delivery<'p>(post: &'p Value, account: &Account) -> &'p Value {
    deliveries(post).find(|one| one["accountId"] == account.id.as_str()).expect("a delivery")
}

/// Nothing more happens to this delivery without a person.
pub fn is_settled(delivery: &Value) -> bool {
    let status = delivery["status"].as_str();
    matches!(status, Some("published" | "failed" | "cancelled" | "review"))
}
