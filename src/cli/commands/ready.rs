//! `postfleet ready`: asks a process of the fleet whether it can work, for images without a shell.

use crate::say::say;
use base::{Context, Fault};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than its parts may take to answer it.
const WITHIN: Duration = Duration::from_secs(4);
/// More than its answer has.
const SIZE_BYTES_MAX: u64 = 64 << 10;

/// What `postfleet ready` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where operators reach it.
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:9464")]
    at: String,
}

/// Prints what fails. Exit code 1 when something does.
///
/// # Errors
/// The process does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let at = &arguments.at;
    let asked = tokio::time::timeout(WITHIN, ask(at)).await;
    let answer = asked.context(format!("no answer from {at} within {WITHIN:?}"))??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    if head.split(' ').nth(1) == Some("200") {
        let checks = body["data"]["checks"].as_array().into_iter().flatten();
        for check in checks.filter(|check| check["warning"].is_string()) {
            let told = check["warning"].as_str().unwrap_or_default();
            say(format_args!("ready, but {}: {told}", check["name"].as_str().unwrap_or_default()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    say(body["message"].as_str().unwrap_or("it is not ready, and does not say why"));
    Ok(ExitCode::FAILURE)
}

async fn ask(at: &str) -> Result<String, Fault> {
    let mut stream = TcpStream::connect(at).await.context(format!("connecting to {at}"))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(SIZE_BYTES_MAX).read_to_string(&mut answer).await.context("reading the answer")?;
    Ok(answer)
}
