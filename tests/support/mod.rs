//! What the tests stand on: a real fleet, its API, its simulated platforms, and files to post.
//!
//! Invariant: nothing here is a mock, and nothing waits for time where it can wait for a fact.

pub mod ageing;
pub mod alone;
pub mod api;
pub mod breaking;
pub mod browser;
#[path = "../../src/queue/tests/model/chance.rs"]
pub mod chance;
pub mod contract;
pub mod files;
pub mod fleet;
pub mod inbox;
pub mod lossy;
pub mod person;
pub mod prometheus;
pub mod receiver;
pub mod scene;
#[path = "../../src/queue/tests/servers.rs"]
pub mod servers;
pub mod sim;
pub mod smtp;
pub mod snippets;
pub mod switch;
pub mod wait;
pub mod worker;

pub use alone::Alone;
pub use api::{Answer, Api};
pub use browser::Browser;
pub use fleet::Fleet;
pub use lossy::Lossy;
pub use receiver::{Got, Receiver};
pub use scene::{Account, Scene, Way};
pub use switch::Switch;
pub use wait::{eventually, say, seed, turn};
