//! Brings a user's file in safely and proves what it is.
