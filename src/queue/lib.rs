//! Wakes workers at the right time and meters the platforms.
