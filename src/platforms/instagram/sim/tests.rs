//! How strict the simulated Instagram is.
