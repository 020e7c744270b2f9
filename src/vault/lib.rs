//! Seals and opens secrets.
