//! A post as its sender wrote it: read from JSON with every violation found, not only the first.

use crate::content::MediaUse;
use crate::id::AccountId;
use crate::rejection::Rejection;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A post as its sender wrote it, read and well-formed. It is stored as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The brand it is for.
    pub brand_slug: String,
    /// The wording for every platform that has none of its own.
    pub text: String,
    /// The files for every platform that has none of its own.
    pub media: Vec<MediaUse>,
    /// Every account of these platforms on the brand is addressed.
    pub platforms: Vec<String>,
    /// These accounts are addressed.
    pub accounts: Vec<AccountId>,
    /// When it is due; without it, now.
    pub scheduled_at: Option<Timestamp>,
    /// The latest instant at which it may still go out.
    pub not_after: Option<Timestamp>,
    /// Wording of its own, by platform.
    pub texts: BTreeMap<String, String>,
    /// Files of its own, by platform.
    pub medias: BTreeMap<String, Vec<MediaUse>>,
    /// What else was said to a platform: the rest of its object, read by the platform's folder.
    pub options: BTreeMap<String, Map<String, Value>>,
}

/// Reads the JSON of `POST /v1/posts`.
///
/// # Errors
/// Every violation that shows without looking at the database or at a platform's own options.
pub fn parse(body: &Value, platforms: &[&str], now: Timestamp) -> Result<Draft, Vec<Rejection>> {
    let _ = (body, platforms, now);
    Err(Vec::new())
}

/// Options for a platform that is not addressed.
pub fn unaddressed(draft: &Draft, addressed: &[&str]) -> Vec<Rejection> {
    let _ = (draft, addressed);
    Vec::new()
}
