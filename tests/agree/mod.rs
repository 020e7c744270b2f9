//! What is written in two places is compared: drawings and tables with the code.

mod settings;
mod states;
