//! Translates HTTP to verbs.
