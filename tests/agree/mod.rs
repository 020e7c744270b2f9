//! What is written in two places is compared: drawings and tables with the code.

pub mod metrics;
mod quick_start;
mod settings;
mod simulators;
mod sixth;
mod states;
