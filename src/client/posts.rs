//! What is done with posts beside enqueuing and showing one.

use crate::calls::Client;
use crate::error::Error;
use crate::http::{send, send_for_page};
use crate::views::{Post, Posts};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How often a post is sent whose acceptance is open, and how long after each time.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(200);

impl Client {
    /// Enqueues a post, and sends it again while it is open whether it was accepted: no answer
    /// came, or the fleet says that it cannot answer now. The key makes all of it one post.
    ///
    /// # Errors
    /// All violations in [`Error::Refused`]; the last reason when it is open to the end.
    pub async fn post_surely(&self, post: &Value, idempotency_key: &str) -> Result<Post, Error> {
        let mut tried = 1;
        loop {
            match self.post(post, Some(idempotency_key)).await {
                Err(error) if tried < TRIES && is_passing(&error) => {
                    pause(PAUSE * 2_u32.pow(tried - 1)).await;
                    tried += 1;
                }
                settled => return settled,
            }
        }
    }

    /// Shows posts, newest first: those before `before`, `limit` of them at most.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_posts(&self, before: Option<&str>, limit: u32) -> Result<Posts, Error> {
        let request = self.request(Method::GET, &["v1", "posts"])?.query(&[("limit", limit)]);
        let (posts, next_cursor) = send_for_page(match before {
            Some(before) => request.query(&[("before", before)]),
            None => request,
        })
        .await?;
        Ok(Posts { posts, next_cursor })
    }

    /// Shows posts that have this in common, newest first: `status`, `brand`, `platform`,
    /// `account`, `dueFrom`, `dueTo`, `createdFrom`, `createdTo`, `clientRef`, `q`, `before`,
    /// `limit`.
    ///
    /// # Errors
    /// As every call.
    pub async fn find_posts(&self, asked: &[(&str, &str)]) -> Result<Posts, Error> {
        let request = self.request(Method::GET, &["v1", "posts"])?.query(asked);
        let (posts, next_cursor) = send_for_page(request).await?;
        Ok(Posts { posts, next_cursor })
    }

    /// Changes a post: a JSON Merge Patch of what was written, with the `revision` that was seen.
    ///
    /// # Errors
    /// [`Error::Refused`] when somebody else has changed it since, or a delivery stands against it.
    pub async fn edit(&self, post_id: &str, revision: i64, patch: &Value) -> Result<Post, Error> {
        let mut body = patch.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("revision".to_owned(), revision.into());
        }
        send(self.request(Method::PATCH, &["v1", "posts", post_id])?.json(&body)).await
    }

    /// Holds a post: `render_pending`, `billing_hold` or `approval`.
    ///
    /// # Errors
    /// As every call.
    pub async fn hold(&self, post_id: &str, reason: &str) -> Result<Post, Error> {
        self.order(post_id, "hold", Some(json!({"reason": reason}))).await
    }

    /// Lets a held post or a draft go.
    ///
    /// # Errors
    /// As every call.
    pub async fn release(&self, post_id: &str) -> Result<Post, Error> {
        self.order(post_id, "release", None).await
    }

    /// Makes a post a draft again.
    ///
    /// # Errors
    /// [`Error::Refused`] when something of it is out, or may be.
    pub async fn unschedule(&self, post_id: &str) -> Result<Post, Error> {
        self.order(post_id, "unschedule", None).await
    }

    /// Puts a post away that has ended.
    ///
    /// # Errors
    /// As every call.
    pub async fn archive(&self, post_id: &str) -> Result<Post, Error> {
        self.order(post_id, "archive", None).await
    }

    /// Makes a new draft of what was written of a post. With the same `idempotency_key` it can be
    /// asked for again without harm.
    ///
    /// # Errors
    /// As every call.
    pub async fn duplicate(
        &self,
        post_id: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Post, Error> {
        let request = self.request(Method::POST, &["v1", "posts", post_id, "duplicate"])?;
        send(match idempotency_key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
        .await
    }

    async fn order(&self, post_id: &str, what: &str, body: Option<Value>) -> Result<Post, Error> {
        let request = self.request(Method::POST, &["v1", "posts", post_id, what])?;
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }
}

/// May the same request fare better in a moment?
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Silent(_) => true,
        Error::Refused { status, .. } | Error::Unreadable { status, .. } => {
            matches!(status, 408 | 429 | 502 | 503 | 504)
        }
        Error::Nowhere { .. } | Error::Half { .. } | Error::Unusable(_) => false,
    }
}

#[expect(clippy::disallowed_methods, reason = "this crate knows nothing of `base`")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let refused = |status| Error::Refused {
            status,
            code: String::new(),
            message: String::new(),
            details: Vec::new(),
        };
        assert!(is_passing(&Error::Silent("reset".into())));
        assert!([429, 503].into_iter().all(|status| is_passing(&refused(status))));
        assert!(is_passing(&Error::Unreadable { status: 502, why: "<html>".into() }));
        assert!([400, 401, 404, 409, 422].into_iter().all(|status| !is_passing(&refused(status))));
        assert!(!is_passing(&Error::Unusable("no URL".into())));
    }
}
