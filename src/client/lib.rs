//! Rust client for upstream apps.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::Error> {
//! use serde_json::json;
//!
//! let fleet = client::Client::new(&client::Place::find()?)?;
//! let post = json!({"brandSlug": "acme", "text": "We are live", "platforms": ["x"]});
//! let accepted = fleet.post_surely(&post, "launch-2026").await?;
//! assert_eq!(accepted.deliveries.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `inbox` a post can also be added to the tenant's Redis stream (`Inbox`), where
//! it waits while the API is away.
//!
//! Invariant: sends nothing twice by itself, save a post that its caller gave a key to be sent again
//! under ([`Client::post_surely`], `Inbox::add`).

#![deny(missing_docs)]

mod browser;
mod bulk;
mod calls;
mod error;
mod http;
#[cfg(feature = "inbox")]
mod inbox;
mod keys;
mod media;
mod place;
mod posts;
mod views;

pub use browser::Browser;
pub use bulk::{Bulk, BulkError, BulkPost, BulkReport, Form};
pub use calls::Client;
pub use error::{Detail, Error};
#[cfg(feature = "inbox")]
pub use inbox::{Answer, Answers, Inbox};
pub use keys::ApiKey;
pub use place::Place;
pub use views::{
    Account, Amends, Asset, Assets, Brand, Calendar, CalendarEntry, Counts, Delivery, Disconnected,
    Health, Kind, Offer, Post, Posts, Retried, Revoked, Slot, SlotAt, Slots, Whole,
};
