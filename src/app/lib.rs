//! Tells each story from start to end: one verb, one file.
