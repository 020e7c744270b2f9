//! `postfleet limits`: shows what can be hit and what is left, and sets what a tenant may use up.

use crate::commands::installation;
use crate::say::say;
use app::halts;
use base::{Context, Fault};
use client::{Client, Place};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use store::Store;
use store::halts::Shut;
use store::pauses::PAUSE_ENDS;

/// What `postfleet limits` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The accounts of this brand alone.
    #[arg(long, value_name = "SLUG")]
    brand: Option<String>,
    /// The accounts alone that a limit or a pause holds, with until when.
    #[arg(long)]
    held: bool,
    /// Sets a limit of the tenant, and leaves the others: `postsPerDay=500`, `accounts=20`,
    /// `mediaBytes=…`, `spendCentsPerMonth.x=5000`, `duplicateContent=refuse`,
    /// `duplicateWithinHours=48`; `none` takes one away. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Everything that is parked or paused, of all tenants: what, until when and why. For the
    /// operator: it reads the database that the configuration names.
    #[arg(long)]
    all: bool,
    /// The configuration, with --all.
    #[arg(long, value_name = "FILE", requires = "all")]
    config: Option<PathBuf>,
    /// The data directory of a running `postfleet dev`, with --all.
    #[arg(long, value_name = "DIR", requires = "all")]
    data: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Sets the limits that are named, and shows all.
///
/// # Errors
/// The fleet refuses or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    if arguments.all {
        return all(arguments).await;
    }
    let fleet = Client::new(&Place::find()?)?;
    let mut asked: Vec<(&str, &str)> =
        arguments.brand.iter().map(|slug| ("brand", slug.as_str())).collect();
    asked.extend(arguments.held.then_some(("held", "true")));
    let mut limits = fleet.limits(&asked).await?;
    if !arguments.set.is_empty() {
        let mut body = present(&limits["tenant"]);
        for given in &arguments.set {
            change(&mut body, given)?;
        }
        limits["tenant"] = fleet.set_limits(&Value::Object(body)).await?;
    }
    match arguments.json {
        true => say(serde_json::to_string_pretty(&limits).unwrap_or_default()),
        false => lines(&limits).iter().for_each(say),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is shut, of everybody.
async fn all(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = installation::config(arguments.config.as_deref(), arguments.data.as_deref())?;
    let store = Store::connect(&config.store).await?;
    let shut = halts::everything_shut(&store).await?;
    if arguments.json {
        say(Value::from(shut.iter().map(shut_shown).collect::<Vec<_>>()));
        return Ok(ExitCode::SUCCESS);
    }
    for one in &shut {
        let is_pause = one.gate.until == PAUSE_ENDS;
        let until = if is_pause { "resumed".to_owned() } else { one.gate.until.to_string() };
        let whose = match (&one.handle, &one.brand, &one.tenant) {
            (Some(name), _, Some(tenant)) => format!("  {name} of {tenant}"),
            (None, Some(slug), Some(tenant)) => format!("  brand {slug} of {tenant}"),
            _ => String::new(),
        };
        let by = one.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let (key, reason) = (&one.gate.scope_key, &one.gate.reason);
        say(format_args!("{key}{whose}  since {}{by} until {until}: {reason}", one.since));
    }
    say(format_args!("{} gates are shut.", shut.len()));
    Ok(ExitCode::SUCCESS)
}

fn shut_shown(one: &Shut) -> Value {
    json!({
        "scope": one.gate.scope_key, "since": one.since, "until": one.gate.until,
        "reason": one.gate.reason, "isPause": one.gate.until == PAUSE_ENDS,
        "by": one.by, "tenant": one.tenant, "brand": one.brand,
        "platform": one.platform, "handle": one.handle,
    })
}

/// The limits that a tenant has, as they are set.
fn present(tenant: &Value) -> Map<String, Value> {
    let mut body = Map::new();
    for name in ["postsPerDay", "accounts", "mediaBytes"] {
        body.insert(name.to_owned(), tenant[name]["limit"].clone());
    }
    let spend = tenant["spendCentsPerMonth"].as_object().into_iter().flatten();
    let limited = spend.filter(|(_, count)| !count["limit"].is_null());
    let spend: Map<String, Value> =
        limited.map(|(platform, count)| (platform.clone(), count["limit"].clone())).collect();
    body.insert("spendCentsPerMonth".to_owned(), spend.into());
    for name in ["duplicateContent", "duplicateWithinHours"] {
        body.insert(name.to_owned(), tenant[name].clone());
    }
    body
}

fn change(body: &mut Map<String, Value>, given: &str) -> Result<(), Fault> {
    let (name, value) = given.split_once('=').context("--set is NAME=VALUE")?;
    let value = match value {
        "none" => Value::Null,
        value => serde_json::from_str(value).unwrap_or_else(|_| json!(value)),
    };
    match name.split_once('.') {
        Some((outer, inner)) => {
            let within = body.entry(outer).or_insert_with(|| json!({}));
            let within = within.as_object_mut();
            within.context(format!("{outer} has no parts"))?.insert(inner.to_owned(), value);
        }
        None => _ = body.insert(name.to_owned(), value),
    }
    Ok(())
}

fn lines(limits: &Value) -> Vec<String> {
    let tenant = &limits["tenant"];
    let mut lines = Vec::new();
    let mut put = |name: &str, count: &Value| {
        let limit = match &count["limit"] {
            Value::Null => "no limit".to_owned(),
            limit => format!("of {limit}"),
        };
        let reset = count["resetAt"].as_str().map_or(String::new(), |at| format!(", until {at}"));
        lines.push(format!("{name:<28}{} used {limit}{reset}", count["used"]));
    };
    for name in ["postsPerDay", "accounts", "mediaBytes"] {
        put(name, &tenant[name]);
    }
    for (platform, count) in tenant["spendCentsPerMonth"].as_object().into_iter().flatten() {
        put(&format!("spendCentsPerMonth.{platform}"), count);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (policy, hours) = (text(&tenant["duplicateContent"]), &tenant["duplicateWithinHours"]);
    lines.push(format!("{:<28}{policy} within {hours} h", "duplicateContent"));
    for account in limits["accounts"].as_array().into_iter().flatten() {
        lines.push(format!("{} on {}", text(&account["handle"]), text(&account["platform"])));
        for window in account["windows"].as_array().into_iter().flatten() {
            let (endpoint, seconds) = (text(&window["endpoint"]), &window["windowS"]);
            let (left, limit) = (&window["left"], &window["limit"]);
            lines.push(format!("  {endpoint} in {seconds} s: {left} of {limit} left"));
        }
        if let Some(at) = account["parked"]["retryAt"].as_str() {
            lines.push(format!("  parked until {at}: {}", text(&account["parked"]["reason"])));
        }
        let paused = &account["paused"];
        if let Some(at) = paused["at"].as_str() {
            let (scope, reason) = (text(&paused["scope"]), text(&paused["reason"]));
            lines.push(format!("  its {scope} is paused since {at}: {reason}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_is_changed_and_the_others_stay() {
        let tenant = json!({
            "postsPerDay": {"limit": 10, "used": 1}, "accounts": {"limit": null, "used": 2},
            "mediaBytes": {"limit": null, "used": 0},
            "spendCentsPerMonth": {"x": {"limit": 500, "used": 2}, "y": {"limit": null}},
            "duplicateContent": "warn", "duplicateWithinHours": 24,
        });
        let mut body = present(&tenant);
        for given in ["accounts=3", "postsPerDay=none", "spendCentsPerMonth.x=7"] {
            change(&mut body, given).unwrap();
        }
        change(&mut body, "duplicateContent=refuse").unwrap();
        let expected = json!({
            "postsPerDay": null, "accounts": 3, "mediaBytes": null,
            "spendCentsPerMonth": {"x": 7}, "duplicateContent": "refuse",
            "duplicateWithinHours": 24,
        });
        assert_eq!(Value::Object(body.clone()), expected);
        assert!(change(&mut body, "accounts").is_err());
        assert!(change(&mut body, "accounts.x=1").is_err());
    }
}
