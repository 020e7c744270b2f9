//! `postfleet bench accept`: posts created through the API, beside a bare server that inserts the
//! same rows in one statement and does nothing else.
//!
//! Both run in a process of their own on the same private servers, turn by turn, under the same
//! connections. Nobody works on what was accepted, so that accepting alone is measured.

pub mod bare;
mod load;

use super::cpu;
use super::queue::rig::Rig;
use super::queue::rounded;
use crate::say::say;
use base::digest::{sha256, sha256_hex};
use base::{Context, Fault, clock};
use load::{Load, Report};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use store::seeds::Seat;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use uuid::Uuid;

/// The platform of the posts: one with an adapter, since ours validates them.
const PLATFORM: &str = "x";
/// The key of the caller; its tenant is made for this run.
const KEY: &str = "pf_bench_accept";
const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What `postfleet bench accept` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Posts of each turn.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    posts: u64,
    /// Connections, each of which sends one post after the other.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,
    /// Turns of either server; the figures are medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    turns: u64,
    /// One line of JSON.
    #[arg(long)]
    json: bool,
}

/// Measures.
///
/// # Errors
/// A server does not start, or refuses a post.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let rig = Rig::start().await?;
    let figures = measure(arguments, &rig).await;
    rig.end().await?;
    let figures = figures?;
    if arguments.json {
        say(figures);
    } else {
        say(format_args!("{figures:#}"));
    }
    Ok(())
}

async fn measure(arguments: &Arguments, rig: &Rig) -> Result<Value, Fault> {
    let seat = Seat { account: Uuid::from_u128(8), tenant: Uuid::from_u128(7) };
    rig.store.sow_accounts(PLATFORM, &[seat]).await?;
    rig.store
        .add_api_key(domain::id::TenantId::new(seat.tenant), &sha256(KEY.as_bytes()), "bench")
        .await?;
    let (ours_at, bare_at) = (free().await?, free().await?);
    let mut ours = rig.serve(ours_at).await?;
    let mut bare = bare_server(rig, bare_at, seat)?;
    listening(ours_at).await?;
    listening(bare_at).await?;

    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    for turn in 0..arguments.turns {
        let load = |to: SocketAddr| Load {
            to,
            key: KEY,
            connections: arguments.connections,
            posts: arguments.posts,
            first: turn * arguments.posts,
        };
        of_bare.push(turn_of(rig, &bare, load(bare_at)).await?);
        of_ours.push(turn_of(rig, &ours, load(ours_at)).await?);
    }
    ours.kill().await?;
    bare.kill().await?;
    let stored = rig.store.deliveries_by_status().await?;
    let stored: i64 = stored.iter().map(|(_, count)| count).sum();
    let (ours, bare) = (median(of_ours), median(of_bare));
    Ok(json!({
        "connections": arguments.connections,
        "posts": arguments.posts,
        "stored": stored,
        "creates_per_s": rounded(ours.per_s),
        "p50_ms": ours.p50_ms,
        "p99_ms": ours.p99_ms,
        "cpu_us": ours.cpu_us,
        "postgres_cpu_us": ours.postgres_cpu_us,
        "bare": {
            "creates_per_s": rounded(bare.per_s),
            "p50_ms": bare.p50_ms,
            "p99_ms": bare.p99_ms,
            "cpu_us": bare.cpu_us,
            "postgres_cpu_us": bare.postgres_cpu_us,
        },
        "ratio": (ours.per_s / bare.per_s * 1000.0).round() / 1000.0,
    }))
}

/// What one turn came to.
#[derive(Debug, Clone, Copy)]
struct Turn {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
    postgres_cpu_us: f64,
}

async fn turn_of(rig: &Rig, server: &Child, load: Load<'_>) -> Result<Turn, Fault> {
    let pid = server.id().context("the server has ended")?;
    let used = || (cpu::of_trees(&[pid]), rig.postgres_cpu());
    let posts = load.posts as f64;
    let before = used();
    let report: Report = load.run().await?;
    let after = used();
    let each = |after: Duration, before: Duration| {
        rounded(after.saturating_sub(before).as_micros() as f64 / posts)
    };
    Ok(Turn {
        per_s: posts / report.took.as_secs_f64(),
        p50_ms: report.at_ms(0.5),
        p99_ms: report.at_ms(0.99),
        cpu_us: each(after.0, before.0),
        postgres_cpu_us: each(after.1, before.1),
    })
}

/// The turn in the middle, by its speed.
fn median(mut turns: Vec<Turn>) -> Turn {
    turns.sort_unstable_by(|a, b| a.per_s.total_cmp(&b.per_s));
    turns[turns.len() / 2]
}

/// The request of a post, as both servers get it.
fn body(number: u64) -> String {
    json!({
        "brandSlug": "b",
        "text": format!("Post {number}: words of a usual length, as a brand would post them, and \
                         a link https://example.com/{}", &sha256_hex(&number.to_be_bytes())[..8]),
        "platforms": [PLATFORM],
        "scheduledAt": "2099-01-01T09:00:00Z",
    })
    .to_string()
}

fn bare_server(rig: &Rig, at: SocketAddr, seat: Seat) -> Result<Child, Fault> {
    Command::new(std::env::current_exe()?)
        .args(["bench", "bare-acceptor", "--postgres", rig.postgres_url()])
        .args(["--listen", &at.to_string()])
        .args(["--account", &seat.account.to_string(), "--tenant", &seat.tenant.to_string()])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting the bare server")
}

/// An address that is free now.
async fn free() -> Result<SocketAddr, Fault> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

async fn listening(at: SocketAddr) -> Result<(), Fault> {
    let since = clock::stopwatch();
    while TcpStream::connect(at).await.is_err() {
        if since.elapsed() > READY_WITHIN {
            return Err(Fault::new(format!("nobody listens on {at}")));
        }
        clock::pause(LOOK_EVERY).await;
    }
    Ok(())
}
