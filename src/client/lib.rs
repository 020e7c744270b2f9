//! Rust client for upstream apps.
