//! `postfleet review`: settles by hand a delivery of which nobody knows whether it is out.

use crate::say::say;
use base::Fault;
use client::{Client, Place};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What `postfleet review` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The delivery's id.
    id: String,
    #[command(flatten)]
    claim: Claim,
    /// The platform's id of the post, where the link does not tell it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["send", "drop"])]
    remote_id: Option<String>,
    /// How you know; it is kept.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What is stated.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Claim {
    /// It is out, and can be seen there.
    #[arg(long, value_name = "LINK")]
    published: Option<String>,
    /// It is not out: send it again.
    #[arg(long)]
    send: bool,
    /// It is not out: leave it so.
    #[arg(long)]
    drop: bool,
}

/// Settles the delivery, and says what comes next.
///
/// # Errors
/// It is not under review, the statement cannot be true, or the fleet does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let settled = fleet.review(&arguments.id, &body(arguments)).await?;
    say(settled.why);
    Ok(ExitCode::SUCCESS)
}

fn body(arguments: &Arguments) -> Value {
    let Claim { published, drop, .. } = &arguments.claim;
    let mut body = match published {
        Some(link) => json!({"outcome": "published", "permalink": link}),
        None => json!({"outcome": "notPublished", "then": if *drop { "drop" } else { "send" }}),
    };
    body["reason"] = arguments.reason.clone().into();
    if let Some(id) = &arguments.remote_id {
        body["remoteId"] = id.clone().into();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn read(line: &[&str]) -> Option<Value> {
        let line = [&["review"], line].concat();
        Line::try_parse_from(line).ok().map(|line| body(&line.arguments))
    }

    #[test]
    fn exactly_one_claim_is_stated_with_its_reason() {
        let link = "https://x.com/acme/status/7";
        let stated = read(&["dlv_1", "--published", link, "--reason", "seen"]);
        let expected = json!({"outcome": "published", "permalink": link, "reason": "seen"});
        assert_eq!(stated, Some(expected));
        let stated = read(&["dlv_1", "--drop", "--reason", "too late"]);
        let expected = json!({"outcome": "notPublished", "then": "drop", "reason": "too late"});
        assert_eq!(stated, Some(expected));
        assert_eq!(read(&["dlv_1", "--send", "--drop", "--reason", "r"]), None);
        assert_eq!(read(&["dlv_1", "--send"]), None);
        assert_eq!(read(&["dlv_1", "--send", "--remote-id", "7", "--reason", "r"]), None);
        assert_eq!(read(&["dlv_1", "--reason", "r"]), None);
    }
}
