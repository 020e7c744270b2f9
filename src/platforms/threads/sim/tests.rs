//! How strict the simulated Threads is.
