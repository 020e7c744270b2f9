//! Somebody who enqueues many posts and lets no silence stop him, and a judge of what became of
//! them.

use crate::support::{Account, Fleet, Scene, api, eventually, files};
use futures::future::join_all;
use platforms::sim::Accepted;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An intent's deadline, two look-ups and another call, several times over.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Posts on a few accounts, each asked for under a key of its own until it is acknowledged.
pub(super) struct Writer {
    brand: String,
    accounts: Vec<Account>,
    /// What every post says besides its text; with it, each one goes to all accounts.
    everywhere: Option<Value>,
    posts: usize,
    begun: usize,
    pub acknowledged: BTreeSet<usize>,
}

/// A delivery as the database has it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Ended {
    text: String,
    pub platform: String,
    /// The platform's id of the account.
    account: String,
    pub status: String,
    remote_id: Option<String>,
    failure: Option<Value>,
}

impl Writer {
    /// So many posts are to be written, on so many accounts.
    pub async fn new(fleet: &Fleet, name: &str, posts: usize, accounts: usize) -> Self {
        let scene = Scene::on(fleet, name).await;
        let mut connected = Vec::new();
        for _ in 0..accounts {
            connected.push(scene.connect(name).await);
        }
        Self::with(&scene, posts, connected)
    }

    /// So many posts are to be written, each on one account of every kind, with files.
    pub async fn everywhere(fleet: &Fleet, name: &str, posts: usize) -> Self {
        let scene = Scene::on(fleet, name).await;
        let connected = scene.connect_all(name).await;
        let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
        let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
        let everywhere = json!({
            "media": [{"id": picture}],
            "youtube": {"title": "A film", "media": [{"id": film}]},
        });
        Self { everywhere: Some(everywhere), ..Self::with(&scene, posts, connected) }
    }

    fn with(scene: &Scene<'_>, posts: usize, accounts: Vec<Account>) -> Self {
        let brand = scene.brand.clone();
        let (everywhere, acknowledged) = (None, BTreeSet::new());
        Self { brand, accounts, everywhere, posts, begun: 0, acknowledged }
    }

    /// Asks for so many further posts, and for those whose answer was lost, all at once.
    pub async fn ask(&mut self, fleet: &Fleet, further: usize) {
        self.begun = (self.begun + further).min(self.posts);
        let api = fleet.api();
        let open = (0..self.begun).filter(|number| !self.acknowledged.contains(number));
        let asked = open.map(|number| {
            let key = self.key(number);
            let mut body = self.everywhere.clone().unwrap_or_else(|| json!({}));
            body["brandSlug"] = self.brand.clone().into();
            body["text"] = format!("Post {key}").into();
            let ids = self.accounts.iter().map(|account| account.id.as_str());
            body["accounts"] = match self.everywhere {
                Some(_) => ids.collect(),
                None => ids.skip(number % self.accounts.len()).take(1).collect(),
            };
            let request = api.request(Method::POST, "/v1/posts").header("Idempotency-Key", key);
            let request = request.json(&body).timeout(ANSWERED_WITHIN);
            async move { (number, api::try_send(request).await) }
        });
        for (number, answer) in join_all(asked).await {
            match answer {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    self.acknowledged.insert(number);
                }
                // Nobody knows; the same key is asked again.
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => {}
            }
        }
    }

    /// The words of the posts that were asked for last, so many of them.
    pub fn newest(&self, count: usize) -> Vec<String> {
        let numbers = self.begun.saturating_sub(count)..self.begun;
        numbers.map(|number| format!("Post {}", self.key(number))).collect()
    }

    fn key(&self, number: usize) -> String {
        format!("{}-{number}", self.brand)
    }

    /// Asks until every post is acknowledged.
    pub async fn ask_all(&mut self, fleet: &Fleet) {
        let posts = self.posts;
        eventually("every post is acknowledged", Duration::from_secs(30), async || {
            self.ask(fleet, posts).await;
            let count = self.acknowledged.len();
            if count == posts { Ok(()) } else { Err(count.to_string()) }
        })
        .await;
    }

    /// Waits until nothing is open any more, and compares what the platform has with what we
    /// believe: every post is there once, or a person was told why nobody knows.
    pub async fn judge(&self, fleet: &Fleet) -> Vec<Ended> {
        let ended = eventually("every delivery settles", SETTLED_WITHIN, async || {
            let all = deliveries(fleet).await;
            let is_open = |one: &&Ended| !matches!(one.status.as_str(), "published" | "review");
            let open: Vec<&Ended> = all.iter().filter(is_open).collect();
            let told = format!("{} open: {open:.600?}", open.len());
            if open.is_empty() { Ok(all) } else { Err(told) }
        })
        .await;
        let each = if self.everywhere.is_some() { self.accounts.len() } else { 1 };
        assert_eq!(ended.len(), self.posts * each, "none is lost");
        let platforms: BTreeSet<&str> = self.accounts.iter().map(|a| a.way.0).collect();
        let mut accepted = Vec::new();
        for platform in platforms {
            accepted.extend(fleet.sim().accepted(platform).await);
        }
        compare(&ended, &accepted);
        ended
    }
}

async fn deliveries(fleet: &Fleet) -> Vec<Ended> {
    sqlx::query_as(
        "SELECT p.draft->>'text' AS text, d.platform, a.remote_id AS account, d.status,
             d.remote_id, d.failure
         FROM deliveries d JOIN posts p ON p.id = d.post_id JOIN accounts a ON a.id = d.account_id",
    )
    .fetch_all(&mut fleet.postgres().await)
    .await
    .unwrap()
}

fn compare(ended: &[Ended], accepted: &[Accepted]) {
    let asked: BTreeSet<(&str, &str)> = ended.iter().map(Ended::key).collect();
    assert_eq!(asked.len(), ended.len(), "one delivery for each text and account");
    let mut remote: BTreeMap<(&str, &str), &Accepted> = BTreeMap::new();
    for one in accepted {
        let key = (one.account.as_str(), one.text.as_str());
        assert!(asked.contains(&key), "nobody asked for {one:?}");
        let twice = remote.insert(key, one);
        assert!(twice.is_none(), "sent twice: {one:?} and {twice:?}");
    }
    for one in ended {
        let Ended { text, platform, status, remote_id, failure, .. } = one;
        match (status.as_str(), remote.get(&one.key())) {
            ("published", Some(there)) => {
                assert_eq!(remote_id.as_deref(), Some(there.remote_id.as_str()), "{text}");
            }
            ("published", None) => panic!("published, but not there: {text} on {platform}"),
            _ => assert!(failure.is_some(), "a person is told why: {text}"),
        }
    }
}

impl Ended {
    /// What tells it from every other.
    fn key(&self) -> (&str, &str) {
        (&self.account, &self.text)
    }
}

/// The ledger, counted by how its calls ended.
pub async fn outcomes(fleet: &Fleet) -> BTreeMap<String, i64> {
    let asked = "SELECT coalesce(outcome, 'open'), count(*) FROM attempts GROUP BY 1";
    let rows = sqlx::query_as(asked).fetch_all(&mut fleet.postgres().await).await.unwrap();
    rows.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

    fn there(remote_id: &str, text: &str) -> Accepted {
        Accepted {
            platform: "x".into(),
            route: "tweets.create".into(),
            account: "1".into(),
            remote_id: remote_id.into(),
            text: text.into(),
            digest: base::digest::sha256_hex(text.as_bytes()),
            at: Timestamp::from_seconds(1),
        }
    }

    fn ours(text: &str, remote_id: &str) -> Ended {
        Ended {
            text: text.to_owned(),
            platform: "x".into(),
            account: "1".into(),
            status: "published".into(),
            remote_id: Some(remote_id.to_owned()),
            failure: None,
        }
    }

    #[test]
    fn what_agrees_passes() {
        compare(&[ours("a", "1"), ours("b", "2")], &[there("2", "b"), there("1", "a")]);
    }

    #[test]
    #[should_panic(expected = "sent twice")]
    fn a_double_is_seen() {
        compare(&[ours("a", "1")], &[there("1", "a"), there("2", "a")]);
    }

    #[test]
    #[should_panic(expected = "published, but not there")]
    fn a_post_that_only_we_believe_in_is_seen() {
        compare(&[ours("a", "1"), ours("b", "2")], &[there("1", "a")]);
    }
}
