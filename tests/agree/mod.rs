//! What is written in two places is compared: drawings and tables with the code.

mod deployment;
pub mod metrics;
mod model;
mod quick_start;
pub mod settings;
mod simulators;
mod sixth;
mod states;
