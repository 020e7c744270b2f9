//! `postfleet inbox`: lets upstream apps into their tenants' inboxes, and shows what waits there.

use crate::config::Config;
use crate::say::say;
use base::{Context, Fault, rng};
use queue::Queue;
use queue::inbox::{Keys, Waiting, can_have_inbox};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use store::Store;

/// Where `postfleet dev` keeps everything, unless told otherwise.
const DEV: &str = ".postfleet";

/// What `postfleet inbox` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    order: Order,
    /// The configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data directory of a running `postfleet dev`, where no configuration names a database.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Prints the command that makes a Redis user who may add to a tenant's inbox, read its answers
    /// and do nothing else. Its password is drawn anew each time.
    Acl {
        /// The tenant's name.
        tenant: String,
        /// The name of the user; `inbox-TENANT` without it.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Shows how much waits in the inboxes.
    Status,
}

/// Does what is ordered. Exit code 1 when the tenant has no inbox.
///
/// # Errors
/// The configuration, Postgres or Redis fails.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = config(arguments)?;
    match &arguments.order {
        Order::Acl { tenant, user } => {
            let keys = config.inbox.keys(&config.queue)?;
            let told = rule(keys, &names(&config).await?, tenant, user.as_deref())?;
            say(match arguments.json {
                true => serde_json::to_string_pretty(&told).context("writing JSON")?,
                false => told["rule"].as_str().unwrap_or_default().to_owned(),
            });
        }
        Order::Status => {
            let names = names(&config).await?;
            let queue = Queue::connect(&config.queue).await?.with_inbox(&config.inbox)?;
            let waiting = queue.inbox().waiting(&names).await?;
            say(match arguments.json {
                true => serde_json::to_string_pretty(&shown(&waiting)).context("writing JSON")?,
                false => lines(&waiting).join("\n"),
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The rule of a user with a password of its own, and what it opens.
fn rule(keys: Keys, names: &[String], tenant: &str, user: Option<&str>) -> Result<Value, Fault> {
    if !names.iter().any(|name| name == tenant) {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Fault::new(format!("no tenant {tenant:?} has an inbox; there are: {known}")));
    }
    let user = user.map_or_else(|| format!("inbox-{tenant}"), str::to_owned);
    if !can_have_inbox(&user) {
        let rule = "1 to 64 letters, digits, `-`, `_` and `.`";
        return Err(Fault::new(format!("--user has {rule}, which {user:?} has not")));
    }
    let mut bytes = [0; 32];
    rng::fill(&mut bytes);
    let password = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(json!({
        "rule": keys.producer_rule(&user, &format!(">{password}"), tenant),
        "user": user,
        "password": password,
        "inbox": keys.inbox(tenant),
        "answers": keys.answers(tenant),
    }))
}

fn shown(waiting: &[Waiting]) -> Value {
    let one = |one: &Waiting| json!({"tenant": one.name, "entries": one.entries});
    waiting.iter().map(one).collect()
}

fn lines(waiting: &[Waiting]) -> Vec<String> {
    let head = format!("{:<40}  WAITING", "TENANT");
    let line = |one: &Waiting| format!("{:<40}  {}", one.name, one.entries);
    std::iter::once(head).chain(waiting.iter().map(line)).collect()
}

/// The names of the tenants that have an inbox.
async fn names(config: &Config) -> Result<Vec<String>, Fault> {
    let tenants = Store::connect(&config.store).await?.tenants_by_name().await?;
    Ok(tenants.into_iter().map(|(name, _)| name).filter(|name| can_have_inbox(name)).collect())
}

/// The configuration, or that of a `postfleet dev` that runs here.
fn config(arguments: &Arguments) -> Result<Config, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Place {
        postgres_url: String,
        redis_url: String,
    }
    let mut config = Config::load(arguments.config.as_deref())?;
    if !config.store.url.is_empty() || arguments.config.is_some() {
        return Ok(config);
    }
    let place = arguments.data.clone().unwrap_or_else(|| PathBuf::from(DEV)).join("dev.json");
    let shown = place.display().to_string();
    let text = std::fs::read(&place)
        .context(format!("no --config, and no `postfleet dev` runs here: reading {shown}"))?;
    let place: Place = serde_json::from_slice(&text).context(format!("reading {shown}"))?;
    config.store.url = place.postgres_url;
    config.queue.url = place.redis_url;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_for_a_tenant_that_there_is_and_opens_its_two_streams_alone() {
        let names = ["acme".to_owned(), "default".to_owned()];
        let config = Config::default();
        let keys = config.inbox.keys(&config.queue).unwrap();
        let told = rule(keys, &names, "acme", None).unwrap();
        let password = told["password"].as_str().unwrap();
        let rule_of_acme = format!(
            "ACL SETUSER inbox-acme reset on >{password} +ping %W~postfleet:inbox:acme +xadd \
             (%R~postfleet:inbox:acme:results +xread +xrange +xrevrange)"
        );
        assert_eq!(told["rule"], rule_of_acme);
        assert_eq!(password.len(), 64);
        assert_ne!(rule(keys, &names, "acme", None).unwrap()["password"], password);
        let unknown = rule(keys, &names, "acm", None).unwrap_err().to_string();
        assert!(unknown.contains("acme, default"), "{unknown}");
        assert!(rule(keys, &names, "acme", Some("two words")).is_err());
    }
}
