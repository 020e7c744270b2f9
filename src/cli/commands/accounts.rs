//! `postfleet accounts`: lists, shows and looks after accounts.

use crate::say::say;
use base::Fault;
use client::{Account, Client, Place};
use serde_json::{Value, json};
use std::process::ExitCode;

/// What `postfleet accounts` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    order: Option<Order>,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Lists accounts, newest first; this is what is done when nothing is said.
    List(Sought),
    /// Shows one account.
    Show {
        /// The account's id.
        id: String,
    },
    /// Has its token renewed now.
    Refresh {
        /// The account's id.
        id: String,
    },
    /// Lets nothing out on it until it is resumed; its token is kept alive.
    Pause {
        /// The account's id.
        id: String,
        /// Why; it is shown beside what waits.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lets its posts out again.
    Resume {
        /// The account's id.
        id: String,
    },
    /// Sets how much may leave from it; without options, no limit but the platform's holds.
    Limit {
        /// The account's id.
        id: String,
        /// Posts on one day of UTC.
        #[arg(long, value_name = "POSTS")]
        per_day: Option<u32>,
        /// Seconds between two posts.
        #[arg(long, value_name = "SECONDS")]
        min_gap: Option<u32>,
    },
    /// Takes it away: its token is revoked where that can be, and erased.
    Disconnect {
        /// The account's id.
        id: String,
    },
    /// Sends again what failed because it was broken.
    Retry {
        /// The account's id.
        id: String,
        /// Only counts it.
        #[arg(long)]
        preview: bool,
        /// Only what failed before this, as the `asOf` of a preview.
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
    },
}

/// Which accounts are listed.
#[derive(clap::Args, Default)]
struct Sought {
    /// Those of a brand, by its slug.
    #[arg(long, value_name = "SLUG")]
    brand: Option<String>,
    /// Those on a platform.
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Those with a status, as `needs_reconnect`.
    #[arg(long, value_name = "WORD")]
    status: Option<String>,
    /// How many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<String>,
    /// Those that come after this account.
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

/// Does what was asked and prints what came of it.
///
/// # Errors
/// The fleet refuses or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let nothing = Order::List(Sought::default());
    let (lines, shown) = obey(&fleet, arguments.order.as_ref().unwrap_or(&nothing)).await?;
    match arguments.json {
        true => say(serde_json::to_string_pretty(&shown).unwrap_or_default()),
        false => lines.iter().for_each(say),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is printed for people, and for programs.
type Told = (Vec<String>, Value);

async fn obey(fleet: &Client, order: &Order) -> Result<Told, Fault> {
    Ok(match order {
        Order::List(sought) => {
            let found = fleet.list_accounts(&pairs(sought)).await?;
            (found.iter().map(line).collect(), found.iter().map(shown).collect())
        }
        Order::Show { id } => told(&fleet.account(id).await?),
        Order::Refresh { id } => told(&fleet.refresh_account(id).await?),
        Order::Pause { id, reason } => told(&fleet.pause_account(id, reason).await?),
        Order::Resume { id } => told(&fleet.resume_account(id).await?),
        Order::Limit { id, per_day, min_gap } => {
            told(&fleet.limit_account(id, *per_day, *min_gap).await?)
        }
        Order::Disconnect { id } => {
            let gone = fleet.disconnect_account(id).await?;
            let mut lines = vec![line(&gone.account), gone.revoked.message.clone()];
            lines.extend((gone.failed > 0).then(|| format!("{} deliveries failed.", gone.failed)));
            let shown = json!({
                "account": shown(&gone.account), "failed": gone.failed,
                "underWay": gone.under_way,
                "revoked": {"outcome": gone.revoked.outcome, "message": gone.revoked.message},
            });
            (lines, shown)
        }
        Order::Retry { id, preview, before } => {
            let amends = fleet.retry_account(id, before.as_deref(), *preview).await?;
            let line = match &amends.as_of {
                Some(as_of) => {
                    format!("{} deliveries would go out again (as of {as_of}).", amends.count)
                }
                None => format!("{} deliveries go out again.", amends.count),
            };
            let shown = json!({
                "isPreview": amends.is_preview, "count": amends.count, "left": amends.left,
                "deliveries": amends.deliveries, "asOf": amends.as_of,
            });
            (vec![line], shown)
        }
    })
}

fn pairs(sought: &Sought) -> Vec<(&'static str, &str)> {
    let all = [
        ("brand", &sought.brand),
        ("platform", &sought.platform),
        ("status", &sought.status),
        ("limit", &sought.limit),
        ("before", &sought.before),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
}

fn told(account: &Account) -> Told {
    (vec![line(account)], shown(account))
}

/// Its id and its word, before the sentence that names it.
fn line(account: &Account) -> String {
    let Account { id, platform, health, .. } = account;
    format!("{id}  {platform:<10} {:<16} {}", health.word, health.sentence)
}

fn shown(account: &Account) -> Value {
    json!({
        "id": account.id,
        "brandSlug": account.brand_slug,
        "platform": account.platform,
        "app": account.app,
        "handle": account.handle,
        "status": account.status,
        "statusReason": account.status_reason,
        "tokenExpiresAt": account.token_expires_at,
        "nextRefreshAt": account.next_refresh_at,
        "health": {"word": account.health.word, "sentence": account.health.sentence},
        "deliveries": {"waiting": account.deliveries.waiting, "failed": account.deliveries.failed},
    })
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

    fn read(line: &[&str]) -> Option<Arguments> {
        let line = [&["accounts"], line].concat();
        Line::try_parse_from(line).ok().map(|line| line.arguments)
    }

    #[test]
    fn each_order_is_read_and_json_may_stand_anywhere() {
        assert!(read(&[]).is_some_and(|read| read.order.is_none()));
        assert!(read(&["show", "acc_1", "--json"]).is_some_and(|read| read.json));
        assert!(read(&["--json", "list", "--brand", "acme"]).is_some_and(|read| read.json));
        let limit = read(&["limit", "acc_1", "--per-day", "3"]).and_then(|read| read.order);
        assert!(matches!(limit, Some(Order::Limit { per_day: Some(3), min_gap: None, .. })));
        assert!(read(&["pause", "acc_1"]).is_none(), "a pause has a reason");
        assert!(read(&["retry", "acc_1", "--preview"]).is_some());
        assert!(read(&["forget", "acc_1"]).is_none());
    }

    #[test]
    fn a_line_names_id_and_word_before_the_sentence() {
        let account = json!({"id": "acc_1", "platform": "x", "app": "default", "handle": "@acme",
            "status": "connected", "health": {"word": "healthy", "sentence": "@acme can publish."}});
        let account: Account = serde_json::from_value(account).unwrap();
        assert_eq!(
            line(&account),
            format!("acc_1  x          {:<16} @acme can publish.", "healthy")
        );
        let sought = Sought { status: Some("damaged".to_owned()), ..Sought::default() };
        assert_eq!(pairs(&sought), [("status", "damaged")]);
    }
}
