//! How strict the simulated YouTube is.
