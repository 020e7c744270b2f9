//! The executable: reads its arguments, wires the crates together, starts what was asked for.
//!
//! Exit codes: 0 done, 1 failed, 2 cannot be done as asked (arguments, missing programs).

mod backup;
mod commands;
mod config;
mod dev;
mod process;
mod say;
mod sim;
mod wire;

use base::Fault;
use clap::{Parser, Subcommand};
use commands::{
    accounts, api_keys, audit, backup as backup_command, bench, calendar, connect,
    dev as dev_command, doctor, inbox, keys, limits, pause, post, posts, ready, recover, redis_acl,
    restore, retry, review, reviews, roles, sim as sim_command, slots, status, tenants, why,
    workers,
};
use std::process::ExitCode;

/// Publishes the posts of many brands to X, LinkedIn, Instagram, Threads and YouTube.
#[derive(Parser)]
#[command(name = "postfleet", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything on this machine: Postgres, Redis, simulated platforms, API and workers.
    Dev(dev_command::Arguments),
    /// Serves the HTTP API, the OAuth callbacks and the media.
    Serve(roles::Arguments),
    /// Runs workers; any number of them, anywhere.
    Work(roles::Work),
    /// Serves the simulated platforms.
    Sim(sim_command::Arguments),
    /// Brings the database to this version's schema.
    Migrate(roles::Arguments),
    /// Asks a running process whether it can work: exit code 0, or 1 with what fails.
    Ready(ready::Arguments),
    /// Looks whether everything is there that a fleet needs.
    Doctor(doctor::Arguments),
    /// Writes all that the fleet knows into a file, and its keys, sealed, into the same.
    Backup(backup_command::Arguments),
    /// Reads a backup back into an empty database, which is held until it is recovered.
    Restore(restore::Arguments),
    /// Looks what a database that was read back lacks, and lets the fleet work on it again.
    Recover(recover::Arguments),
    /// Looks whether the audit is what was written, and brings it out.
    Audit(audit::Arguments),
    /// Makes, changes and counts the keys that tokens are sealed with.
    Keys(keys::Arguments),
    /// Gives out, lists, replaces and revokes the keys to the API.
    ApiKeys(api_keys::Arguments),
    /// Erases a tenant with all it has.
    Tenants(tenants::Arguments),
    /// Lets upstream apps into the inboxes, and shows what waits there.
    Inbox(inbox::Arguments),
    /// Prints the user of Redis that a fleet needs, with the used commands alone.
    RedisAcl(redis_acl::Arguments),
    /// Enqueues a post.
    Post(post::Arguments),
    /// Lists and shows posts, and changes, holds or takes back what has not left yet.
    Posts(posts::Arguments),
    /// Shows where the deliveries of a post stand.
    Status(status::Arguments),
    /// Says why a delivery is not out, or that it is, and where.
    Why(why::Arguments),
    /// Settles by hand a delivery of which nobody knows whether it is out.
    Review(review::Arguments),
    /// Lists what waits for a person: since when, why, and the way out.
    Reviews(reviews::Arguments),
    /// Sends again, in one action, what failed of one cause, or counts it.
    Retry(retry::Arguments),
    /// Measures the fleet on this machine.
    Bench(bench::Arguments),
    /// Connects an account of a platform to a brand.
    Connect(connect::Arguments),
    /// Lists, shows and looks after accounts.
    Accounts(accounts::Arguments),
    /// Shows what a brand plans, and its free slots.
    Calendar(calendar::Arguments),
    /// Shows what can be hit and what is left of it, and sets what a tenant may use up.
    Limits(limits::Arguments),
    /// Lets nothing out of a platform, an app, a queue, a brand or an account.
    Pause(pause::Arguments),
    /// Lets it out again.
    Resume(pause::Arguments),
    /// Lists the worker processes that live, and takes one out by name.
    Workers(workers::Arguments),
    /// Shows and sets the weekly slots of a brand or an account.
    Slots(slots::Arguments),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say::warn(Fault::from(error).context("starting the runtime"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(begin(command));
    // A name that is being looked up, or a file that is being read, must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn begin(command: Command) -> ExitCode {
    match run(command).await {
        Ok(code) => code,
        Err(fault) => {
            say::warn(&fault);
            let is_ours = fault.find::<dev::programs::Missing>().is_none()
                && fault.find::<dev::state::Occupied>().is_none();
            ExitCode::from(if is_ours { 1 } else { 2 })
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Fault> {
    match command {
        Command::Dev(arguments) => dev_command::run(&arguments).await?,
        Command::Serve(arguments) => roles::serve(&arguments).await?,
        Command::Work(arguments) => roles::work(&arguments).await?,
        Command::Sim(arguments) => sim_command::run(&arguments).await?,
        Command::Migrate(arguments) => roles::migrate(&arguments).await?,
        Command::Ready(arguments) => return ready::run(&arguments).await,
        Command::Doctor(arguments) => return doctor::run(&arguments).await,
        Command::Backup(arguments) => backup_command::run(&arguments).await?,
        Command::Restore(arguments) => restore::run(&arguments).await?,
        Command::Recover(arguments) => return recover::run(&arguments).await,
        Command::Audit(arguments) => return audit::run(&arguments).await,
        Command::Keys(arguments) => return keys::run(&arguments).await,
        Command::ApiKeys(arguments) => return api_keys::run(&arguments).await,
        Command::Tenants(arguments) => return tenants::run(&arguments).await,
        Command::Inbox(arguments) => return inbox::run(&arguments).await,
        Command::Post(arguments) => return post::run(&arguments).await,
        Command::Posts(arguments) => return posts::run(&arguments).await,
        Command::Status(arguments) => return status::run(&arguments).await,
        Command::Retry(arguments) => return retry::run(&arguments).await,
        Command::Review(arguments) => return review::run(&arguments).await,
        Command::Reviews(arguments) => return reviews::run(&arguments).await,
        Command::Accounts(arguments) => return accounts::run(&arguments).await,
        Command::Calendar(arguments) => return calendar::run(&arguments).await,
        Command::Limits(arguments) => return limits::run(&arguments).await,
        Command::Pause(arguments) => return pause::run(&arguments, pause::Way::Pause).await,
        Command::Resume(arguments) => return pause::run(&arguments, pause::Way::Resume).await,
        Command::Workers(arguments) => return workers::run(&arguments).await,
        Command::Slots(arguments) => return slots::run(&arguments).await,
        Command::Why(arguments) => return why::run(&arguments).await,
        Command::RedisAcl(arguments) => redis_acl::run(&arguments)?,
        Command::Bench(arguments) => bench::run(&arguments).await?,
        Command::Connect(arguments) => connect::run(&arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}
