//! Somebody who enqueues many posts and lets no silence stop him, and a judge of what became of
//! them.

use crate::support::{Account, Fleet, Scene, api, eventually};
use futures::future::join_all;
use platforms::sim::Accepted;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An intent's deadline, two look-ups and another call, several times over.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Texts on a few accounts, each asked for under a key of its own until it is acknowledged.
pub(super) struct Writer {
    brand: String,
    accounts: Vec<Account>,
    posts: usize,
    begun: usize,
    pub acknowledged: BTreeSet<usize>,
}

/// A delivery as the database has it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Ended {
    text: String,
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
        Self {
            brand: scene.brand.clone(),
            accounts: connected,
            posts,
            begun: 0,
            acknowledged: BTreeSet::new(),
        }
    }

    /// Asks for so many further posts, and for those whose answer was lost, all at once.
    pub async fn ask(&mut self, fleet: &Fleet, further: usize) {
        self.begun = (self.begun + further).min(self.posts);
        let api = fleet.api();
        let open = (0..self.begun).filter(|number| !self.acknowledged.contains(number));
        let asked = open.map(|number| {
            let account = &self.accounts[number % self.accounts.len()].id;
            let key = format!("{}-{number}", self.brand);
            let body = json!({
                "brandSlug": self.brand, "text": format!("Post {key}"), "accounts": [account],
            });
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
        assert_eq!(ended.len(), self.posts, "none is lost");
        compare(&ended, &fleet.sim().accepted("x").await);
        ended
    }
}

async fn deliveries(fleet: &Fleet) -> Vec<Ended> {
    sqlx::query_as(
        "SELECT p.draft->>'text' AS text, d.status, d.remote_id, d.failure
         FROM deliveries d JOIN posts p ON p.id = d.post_id",
    )
    .fetch_all(&mut fleet.postgres().await)
    .await
    .unwrap()
}

fn compare(ended: &[Ended], accepted: &[Accepted]) {
    let texts: BTreeSet<&str> = ended.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts.len(), ended.len(), "one delivery for each text");
    let mut remote: BTreeMap<&str, &Accepted> = BTreeMap::new();
    for one in accepted {
        assert!(texts.contains(one.text.as_str()), "nobody asked for {one:?}");
        let twice = remote.insert(&one.text, one);
        assert!(twice.is_none(), "sent twice: {one:?} and {twice:?}");
    }
    let digests: BTreeSet<&str> = accepted.iter().map(|one| one.digest.as_str()).collect();
    assert_eq!(digests.len(), accepted.len(), "a digest for each text");
    for Ended { text, status, remote_id, failure } in ended {
        match (status.as_str(), remote.get(text.as_str())) {
            ("published", Some(there)) => {
                assert_eq!(remote_id.as_deref(), Some(there.remote_id.as_str()), "{text}");
            }
            ("published", None) => panic!("published, but not there: {text}"),
            _ => assert!(failure.is_some(), "a person is told why: {text}"),
        }
    }
}

/// The ledger, counted by how its calls ended.
pub(super) async fn outcomes(fleet: &Fleet) -> BTreeMap<String, i64> {
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
        let (text, remote_id) = (text.to_owned(), Some(remote_id.to_owned()));
        Ended { text, status: "published".into(), remote_id, failure: None }
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
