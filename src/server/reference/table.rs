//! The operations, by folder.
//!
//! One that is added to the router is added here; a test tells when it is not.

mod files;
mod owners;
mod posts;

use super::operation::Operation;
use serde_json::{Value, json};

/// Every operation of the API, in the order in which it is read.
pub(crate) fn operations() -> Vec<Operation> {
    [
        posts::posts(),
        posts::deliveries(),
        files::media(),
        files::uploads(),
        owners::brands(),
        owners::accounts(),
        owners::oauth(),
        owners::events(),
        owners::webhooks(),
        owners::tenant(),
    ]
    .concat()
}

/// What stands beside the data of a page.
fn cursor() -> Value {
    json!({"nextCursor": {
        "type": ["string", "null"],
        "description": "Where the next page begins; `null` on the last.",
    }})
}

/// How many of something a page holds.
fn count(most: u32) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most})
}

fn text() -> Value {
    json!({"type": "string"})
}
