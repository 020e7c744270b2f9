//! Writes and reads the truth, one transaction per fact.
