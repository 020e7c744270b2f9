//! Tests of the adapter against the simulator.
