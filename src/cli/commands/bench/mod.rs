//! `postfleet bench`: measures the fleet against a bare loop, and the queue alone.

mod accept;
mod bare;
mod cpu;
mod idle;
mod publish;
mod queue;
mod schedule;
mod text;

use base::Fault;

/// What `postfleet bench` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(clap::Subcommand)]
enum Work {
    /// Publishes text posts on simulated X and compares with a bare loop of the same calls.
    Publish(publish::Arguments),
    /// Drains no-op jobs that are all due, with several worker processes.
    Drain(queue::drain::Arguments),
    /// From the push of a job to the start of its handler, at a steady rate.
    Latency(queue::latency::Arguments),
    /// Jobs that fall due at the same instant.
    SameSecond(queue::burst::Arguments),
    /// Jobs that fall due over some seconds, beside others that wait for tomorrow.
    Spread(queue::burst::Arguments),
    /// What a waiting job costs in Redis, and a busy worker in memory.
    Memory(queue::memory::Arguments),
    /// Jobs written durably into Postgres, many in a transaction.
    Enqueue(queue::enqueue::Arguments),
    /// A wiped Redis is filled again from Postgres.
    Rebuild(queue::rebuild::Arguments),
    /// One account is limited while others drain, against a run without it.
    Lane(queue::lane::Arguments),
    /// A worker dies with jobs in flight, and another one takes them.
    Crash(queue::crash::Arguments),
    /// Scheduled posts beside a great many that are due later: how late their calls leave.
    Schedule(schedule::Arguments),
    /// Posts created through the API, beside a bare server that inserts the same rows.
    Accept(accept::Arguments),
    /// What a worker in all roles costs while there is nothing to do.
    Idle(idle::Arguments),
    /// How long it takes to count 25,000 characters as X does.
    Text(text::Arguments),
    /// A worker process of the other benches.
    #[command(hide = true)]
    Worker(queue::worker::Arguments),
    /// The bare server of the bench of acceptance.
    #[command(hide = true)]
    BareAcceptor(accept::bare::Arguments),
    /// A worker process of the bench of schedules.
    #[command(hide = true)]
    Publisher(schedule::publisher::Arguments),
}

/// Runs one bench.
///
/// # Errors
/// When the fleet does not start or does not finish.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    match &arguments.work {
        Work::Publish(arguments) => publish::run(arguments).await,
        Work::Drain(arguments) => queue::drain::run(arguments).await,
        Work::Latency(arguments) => queue::latency::run(arguments).await,
        Work::SameSecond(arguments) | Work::Spread(arguments) => queue::burst::run(arguments).await,
        Work::Enqueue(arguments) => queue::enqueue::run(arguments).await,
        Work::Rebuild(arguments) => queue::rebuild::run(arguments).await,
        Work::Lane(arguments) => queue::lane::run(arguments).await,
        Work::Crash(arguments) => queue::crash::run(arguments).await,
        Work::Memory(arguments) => queue::memory::run(arguments).await,
        Work::Schedule(arguments) => schedule::run(arguments).await,
        Work::Idle(arguments) => idle::run(arguments).await,
        Work::Accept(arguments) => accept::run(arguments).await,
        Work::BareAcceptor(arguments) => accept::bare::run(arguments).await,
        Work::Publisher(arguments) => schedule::publisher::run(arguments).await,
        Work::Text(arguments) => text::run(arguments),
        Work::Worker(arguments) => queue::worker::run(arguments).await,
    }
}
