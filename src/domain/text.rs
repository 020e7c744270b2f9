//! How long a text is, counted as each platform counts.
