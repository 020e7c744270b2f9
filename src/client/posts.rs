//! What is done with posts beside enqueuing and showing one.

use crate::calls::Client;
use crate::error::Error;
use crate::http::{again, send, send_for_page};
use crate::views::{Post, Posts};
use reqwest::Method;
use serde_json::{Value, json};

impl Client {
    /// Enqueues a post, and sends it again while it is open whether it was accepted: no answer
    /// came, or the fleet says that it cannot answer now. The key makes all of it one post.
    ///
    /// # Errors
    /// All violations in [`Error::Refused`]; the last reason when it is open to the end.
    pub async fn post_surely(&self, post: &Value, idempotency_key: &str) -> Result<Post, Error> {
        again(async || self.post(post, Some(idempotency_key)).await).await
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

    /// Cancels the copies to come of a post that is published again and again.
    ///
    /// # Errors
    /// As every call.
    pub async fn cancel_copies(&self, post_id: &str) -> Result<Post, Error> {
        send(self.request(Method::POST, &["v1", "posts", post_id, "copies", "cancel"])?).await
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
