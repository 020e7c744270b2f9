//! Rust client for upstream apps.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::Error> {
//! use serde_json::json;
//!
//! let fleet = client::Client::new(&client::Place::find()?)?;
//! let post = json!({"brandSlug": "acme", "text": "We are live", "platforms": ["x"]});
//! let accepted = fleet.post(&post, Some("launch-2026")).await?;
//! assert_eq!(accepted.deliveries.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: sends nothing twice by itself. A caller who repeats a post gives an idempotency key.

#![deny(missing_docs)]

mod browser;
mod calls;
mod error;
mod http;
mod keys;
mod place;
mod views;

pub use browser::Browser;
pub use calls::Client;
pub use error::{Detail, Error};
pub use keys::ApiKey;
pub use place::Place;
pub use views::{
    Account, Amends, Asset, Brand, Calendar, CalendarEntry, Counts, Delivery, Disconnected, Health,
    Kind, Post, Retried, Revoked, Slot, SlotAt, Slots, Whole,
};
