//! `postfleet why`: one sentence on a delivery, or on each of a post's.

use crate::say::say;
use base::Fault;
use client::{Client, Place, Whole};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What `postfleet why` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The id of a delivery, or of a post.
    id: String,
    /// Prints JSON, with everything that was tried.
    #[arg(long)]
    json: bool,
}

/// Says why something is not out, or that it is, and where.
///
/// # Errors
/// The fleet knows no such thing, or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let ids = match arguments.id.starts_with("pst_") {
        true => {
            let post = fleet.show(&arguments.id).await?;
            post.deliveries.into_iter().map(|delivery| delivery.id).collect()
        }
        false => vec![arguments.id.clone()],
    };
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.push(fleet.delivery(&id).await?);
    }
    if arguments.json {
        let shown: Vec<Value> = all.iter().map(shown).collect();
        say(serde_json::to_string_pretty(&shown).unwrap_or_default());
        return Ok(ExitCode::SUCCESS);
    }
    all.iter().for_each(|one| say(line(one)));
    Ok(ExitCode::SUCCESS)
}

/// Platform, account and the sentence.
fn line(one: &Whole) -> String {
    format!("{:<10} {:<22} {}", one.delivery.platform, one.delivery.account, one.why)
}

fn shown(one: &Whole) -> Value {
    json!({
        "id": one.delivery.id,
        "postId": one.post_id,
        "platform": one.delivery.platform,
        "account": one.delivery.account,
        "status": one.delivery.status,
        "why": one.why,
        "timeline": one.timeline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_platform_and_account_before_the_sentence() {
        let whole = json!({"id": "dlv_1", "accountId": "acc_1", "account": "@acme",
            "platform": "x", "status": "published", "postId": "pst_1",
            "why": "It is out at https://x.com/acme/status/7.", "timeline": []});
        let whole: Whole = serde_json::from_value(whole).unwrap();
        let told = line(&whole);
        assert_eq!(told, format!("x          {:<22} {}", "@acme", whole.why));
        assert_eq!(shown(&whole)["why"], whole.why);
    }
}
