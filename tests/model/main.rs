//! Random histories of workers that publish: the adapter of X and its simulator, the decisions,
//! the courier and the changes of production, between a model of Postgres and the queue's model,
//! in virtual time.
//!
//! Each history kills, stalls, cuts, loses, sets clocks, edits and cancels for a while; then all is
//! well and every delivery has to end. Nothing is lost, nothing is out twice, nothing is early.
//! With any one safeguard off the same histories must fail. A failure tells its shortest history,
//! and the seed it prints repeats it as the first one (`POSTFLEET_TEST_SEED`).
//!
//! A package of its own, which the rest of the tests do not wait for: these histories keep
//! processors busy, so they alone are optimised.

#[cfg(test)]
#[path = "../../src/queue/tests/model/chance.rs"]
mod chance;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod history;
#[cfg(test)]
#[path = "../../src/queue/tests/model/layout.rs"]
#[expect(dead_code, reason = "the tests of the queue use more of it")]
mod layout;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod platform;
#[cfg(test)]
#[path = "../../src/queue/tests/model/shard.rs"]
#[expect(dead_code, reason = "the tests of the queue use more of it")]
mod shard;
#[cfg(test)]
mod worker;
#[cfg(test)]
mod world;
