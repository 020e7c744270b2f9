//! What is written in two places is compared: drawings and tables with the code.

pub mod metrics;
mod deployment;
mod quick_start;
pub mod settings;
mod simulators;
mod sixth;
mod states;
