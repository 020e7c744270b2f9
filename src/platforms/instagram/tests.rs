//! The adapter against the simulator, in virtual time.
