//! What requests carry, and the few answers that are put together field by field.
//!
//! Readers of requests find every fault at once and so read no types; these are for the document
//! alone, and the tests hold every request that was taken against them.
#![expect(dead_code, reason = "shapes for the document, never values")]

pub(super) mod owners;
pub(super) mod posts;
