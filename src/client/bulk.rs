//! Many posts in one request, and what a tenant may use up.

use crate::calls::Client;
use crate::error::{Detail, Error};
use crate::http::{send, send_for_report};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How posts are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// One JSON object a line.
    #[default]
    Lines,
    /// A table of comma-separated values, whose first row names the fields.
    Table,
}

/// How a request with many posts is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bulk<'a> {
    /// How they are written down.
    pub form: Form,
    /// Good rows are accepted though others are bad; else none is.
    pub is_partial: bool,
    /// The rows are checked, and that is all.
    pub is_dry_run: bool,
    /// Makes it safe to send the same again.
    pub idempotency_key: Option<&'a str>,
}

/// What became of each row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkReport {
    /// The rows were checked alone.
    pub dry_run: bool,
    /// Rows of the request.
    pub rows: u64,
    /// Rows that are posts now, or would be.
    pub accepted: u64,
    /// Rows that are not.
    pub refused: u64,
    /// The posts, in the order of their lines.
    pub posts: Vec<BulkPost>,
    /// What is wrong with the others.
    pub errors: Vec<BulkError>,
}

/// A row that is a post now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkPost {
    /// The line that it begins on.
    pub line: u64,
    /// Its post.
    pub id: String,
    /// What its sender calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The same had been accepted before.
    #[serde(default)]
    pub again: bool,
    /// What is to be known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Detail>,
}

/// A row that is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkError {
    /// The line that it begins on.
    pub line: u64,
    /// A stable code.
    pub error: String,
    /// The story.
    pub message: String,
    /// The rules that are broken.
    #[serde(default)]
    pub details: Vec<Detail>,
}

impl Client {
    /// Enqueues up to 5,000 posts. That rows are refused is told in the report.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not about rows: their number, the key, the form.
    pub async fn bulk(&self, posts: Vec<u8>, bulk: Bulk<'_>) -> Result<BulkReport, Error> {
        let form = match bulk.form {
            Form::Lines => "application/x-ndjson",
            Form::Table => "text/csv",
        };
        let request = self.request(Method::POST, &["v1", "posts", "bulk"])?;
        let request = request
            .query(&[("mode", if bulk.is_partial { "valid" } else { "all" })])
            .query(&[("dryRun", bulk.is_dry_run)])
            .header("Content-Type", form)
            .body(posts);
        send_for_report(match bulk.idempotency_key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
        .await
    }

    /// Shows every limit, with those of accounts: `brand`, `account`, `before`, `limit`.
    ///
    /// # Errors
    /// As every call.
    pub async fn limits(&self, asked: &[(&str, &str)]) -> Result<Value, Error> {
        send(self.request(Method::GET, &["v1", "limits"])?.query(asked)).await
    }

    /// Sets all limits of the tenant: `postsPerDay`, `accounts`, `mediaBytes`,
    /// `spendCentsPerMonth`, `duplicateContent`, `duplicateWithinHours`; what is missing is none.
    ///
    /// # Errors
    /// [`Error::Refused`] when the key is not an owner's.
    pub async fn set_limits(&self, limits: &Value) -> Result<Value, Error> {
        send(self.request(Method::PUT, &["v1", "limits"])?.json(limits)).await
    }
}
