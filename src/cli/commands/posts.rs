//! `postfleet posts`: lists and shows posts, and changes what has not left yet.

use super::bulk;
use crate::say::say;
use base::{Context, Fault};
use client::{Client, Place, Post};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// What `postfleet posts` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    order: Order,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Lists posts, newest first.
    List {
        /// Those before this one.
        #[arg(long, value_name = "ID")]
        before: Option<String>,
        /// So many at most.
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
        /// Those that have this in common, as `status=failed`, `brand=acme`, `platform=threads`,
        /// `account=acc_…`, `dueFrom=2026-12-01T00:00:00Z`, `clientRef=…` or `q=launch day`. May
        /// be repeated.
        #[arg(long = "where", value_name = "NAME=VALUE")]
        common: Vec<String>,
    },
    /// Enqueues the posts of a file, or only checks them.
    Bulk(bulk::Arguments),
    /// Shows one post.
    Show(Named),
    /// Changes what was written of it, where it has not left yet.
    Edit {
        #[command(flatten)]
        post: Named,
        /// A field, as `text=Hello` or `x.poll=null`; what reads as JSON is taken so. May be
        /// repeated.
        #[arg(long, value_name = "FIELD=VALUE", required = true)]
        set: Vec<String>,
        /// What has left keeps its wording, instead of standing against the change.
        #[arg(long)]
        remaining: bool,
        #[command(flatten)]
        seen: Seen,
    },
    /// Moves it to another time.
    Reschedule {
        #[command(flatten)]
        post: Named,
        /// As 2026-12-01T09:00:00Z, or as 2026-12-01T09:00 by the clocks of the brand.
        #[arg(long, value_name = "TIME")]
        at: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// Holds it until it is released.
    Hold {
        #[command(flatten)]
        post: Named,
        /// What it waits for: render_pending, billing_hold or approval.
        #[arg(long, value_name = "REASON")]
        reason: String,
    },
    /// Lets a held post or a draft go.
    Release(Named),
    /// Makes it a draft again, if nothing of it is out.
    Unschedule(Named),
    /// Takes back what has not left yet.
    Cancel(Named),
    /// Cancels the copies of it that are still to come.
    CancelCopies(Named),
    /// Sends again what failed of it.
    Retry(Named),
    /// Puts it away, if it has ended.
    Archive(Named),
    /// Makes a new draft of what was written of it.
    Duplicate {
        #[command(flatten)]
        post: Named,
        /// Asked twice with the same key, it is one draft.
        #[arg(long, value_name = "TEXT")]
        key: Option<String>,
    },
}

#[derive(clap::Args)]
struct Named {
    /// The post's id.
    id: String,
}

#[derive(clap::Args)]
struct Seen {
    /// The revision that you have seen; without it the present one, whatever it says.
    #[arg(long, value_name = "N")]
    revision: Option<i64>,
}

/// Does what is ordered, and shows the post as it is then.
///
/// # Errors
/// The fleet refuses, with everything that is wrong, or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let post = match &arguments.order {
        Order::Bulk(arguments_of) => return bulk::run(&fleet, arguments_of, arguments.json).await,
        Order::List { before, limit, common } => {
            let limit = limit.to_string();
            let mut asked = vec![("limit", limit.as_str())];
            asked.extend(before.iter().map(|before| ("before", before.as_str())));
            for one in common {
                asked.push(one.split_once('=').context("--where is NAME=VALUE")?);
            }
            let page = fleet.find_posts(&asked).await?;
            match arguments.json {
                true => say(pretty(&json!({"posts": page.posts, "nextCursor": page.next_cursor}))),
                false => page.posts.iter().map(line).for_each(say),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Order::Show(post) => fleet.show(&post.id).await?,
        Order::Edit { post, set, remaining, seen } => {
            edit(&fleet, &post.id, seen, patch(set, *remaining)?).await?
        }
        Order::Reschedule { post, at, seen } => {
            edit(&fleet, &post.id, seen, json!({"scheduledAt": at})).await?
        }
        Order::Hold { post, reason } => fleet.hold(&post.id, reason).await?,
        Order::Release(post) => fleet.release(&post.id).await?,
        Order::Unschedule(post) => fleet.unschedule(&post.id).await?,
        Order::Cancel(post) => fleet.cancel(&post.id).await?,
        Order::CancelCopies(post) => fleet.cancel_copies(&post.id).await?,
        Order::Retry(post) => fleet.retry(&post.id).await?,
        Order::Archive(post) => fleet.archive(&post.id).await?,
        Order::Duplicate { post, key } => fleet.duplicate(&post.id, key.as_deref()).await?,
    };
    say(if arguments.json { pretty(&json!(post)) } else { line(&post) });
    Ok(ExitCode::SUCCESS)
}

async fn edit(fleet: &Client, id: &str, seen: &Seen, patch: Value) -> Result<Post, Fault> {
    let revision = match seen.revision {
        Some(revision) => revision,
        None => fleet.show(id).await?.revision,
    };
    Ok(fleet.edit(id, revision, &patch).await?)
}

/// A merge patch of what is set, with dotted names as objects in each other.
fn patch(set: &[String], is_rest: bool) -> Result<Value, Fault> {
    let mut patch = Map::new();
    for given in set {
        let (field, value) = given.split_once('=').context("--set is FIELD=VALUE")?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        let mut at = &mut patch;
        let (path, last) = field.rsplit_once('.').unwrap_or(("", field));
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let inner = at.entry(name).or_insert_with(|| json!({}));
            at = inner
                .as_object_mut()
                .context(format!("--set {field}: there is a value on the way already"))?;
        }
        at.insert(last.to_owned(), value);
    }
    if is_rest {
        patch.insert("scope".to_owned(), "remaining".into());
    }
    Ok(patch.into())
}

fn line(post: &Post) -> String {
    let time = post.scheduled_at.as_deref().unwrap_or("-");
    let text: String =
        post.text.chars().take(40).map(|c| if c == '\n' { ' ' } else { c }).collect();
    let Post { id, status, brand_slug, .. } = post;
    format!("{id}  {status:<10}  {time:<24}  {brand_slug:<16}  {text}").trim_end().to_owned()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_becomes_a_merge_patch() {
        let set = ["text=Hello".to_owned(), "x.poll=null".into(), "x.replySettings=all".into()];
        let expected = json!({"text": "Hello", "x": {"poll": null, "replySettings": "all"}, "scope": "remaining"});
        assert_eq!(patch(&set, true).unwrap(), expected);
        assert!(patch(&["text".to_owned()], false).is_err());
        assert!(patch(&["text=a".to_owned(), "text.b=c".into()], false).is_err());
    }
}
