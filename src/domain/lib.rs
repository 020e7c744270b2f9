//! What is true and what to do next, as data and total functions.
//!
//! Invariant: nothing in here does anything. No I/O, no clock, no chance, no async: time and
//! randomness come in as arguments.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub mod access;
pub mod account;
pub mod allowance;
pub mod capability;
pub mod cause;
pub mod content;
pub mod copies;
pub mod courier;
pub mod decision;
pub mod delivery;
pub mod duplicate;
pub mod edit;
pub mod failure;
pub mod health;
pub mod id;
pub mod lateness;
pub mod limit;
pub mod local;
pub mod operation;
pub mod outage;
pub mod post;
pub mod preflight;
pub mod rejection;
pub mod renewal;
pub mod repost;
pub mod request;
pub mod review;
pub mod rollup;
pub mod secret;
pub mod slots;
pub mod standing;
pub mod text;
pub mod time;
pub mod timeline;
pub mod webhook;
pub mod why;
pub mod zone;
