//! `postfleet api-keys`: gives out, lists, replaces and revokes the keys to the API.
//!
//! Invariant: a key is printed once, when it is made, and nowhere else.

use crate::commands::{installation, keys as ring};
use crate::say::say;
use base::{Fault, telemetry};
use client::{ApiKey, Client, Place};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `postfleet api-keys` takes.
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
    /// Lists the keys; this is what is done when nothing is said.
    List,
    /// Gives out a key.
    Create(Wanted),
    /// Gives out a key in the place of another, which serves on for a while.
    Rotate {
        /// The id of the key that is replaced.
        id: String,
        /// How many seconds the old key still serves; a day when nothing is said.
        #[arg(long, value_name = "SECONDS")]
        grace: Option<u64>,
    },
    /// Takes a key away, at once.
    Revoke {
        /// The key's id.
        id: String,
    },
    /// Makes a tenant, or finds the one of this name, and gives out an owner's key there. It works
    /// on the database: for whoever has no key yet.
    First {
        /// The tenant's name.
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// What the key is for.
        #[arg(long, value_name = "TEXT", default_value = "first key")]
        label: String,
        /// The configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The data directory of a running `postfleet dev`, where no configuration names a database.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

/// What a key is to be.
#[derive(clap::Args)]
struct Wanted {
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// Its role on all brands: viewer, contributor, editor, admin or owner.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// A role on one brand; may be given more than once.
    #[arg(long = "brand", value_name = "SLUG=ROLE", value_parser = pair)]
    brands: Vec<(String, String)>,
    /// Narrows it to these scopes, separated by commas, as `posts:read,posts:write`.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Vec<String>,
    /// When it ends, as 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Requests in a minute; 0 is no limit.
    #[arg(long, value_name = "N")]
    per_minute: Option<u32>,
    /// `live`, or `test` for a world of its own of which nothing leaves to a platform.
    #[arg(long, value_name = "MODE", default_value = "live")]
    mode: String,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(slug, role)| (slug.to_owned(), role.to_owned()));
    pair.ok_or_else(|| "a brand's slug and a role, as `acme=editor`".to_owned())
}

/// Does what was asked and prints what came of it.
///
/// # Errors
/// The fleet refuses or does not answer; `first` fails with the database or the key ring.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let order = arguments.order.as_ref().unwrap_or(&Order::List);
    let (lines, shown) = match order {
        Order::First { tenant, label, config, data } => {
            let config = installation::config(config.as_deref(), data.as_deref())?;
            telemetry::init(&config.log)?;
            let (id, key) =
                app::api_keys::first(&ring::open(&config).await?, tenant, label).await?;
            let shown = json!({ "id": id, "key": key, "tenant": tenant });
            (
                vec![key, format!("{id}, owner of {tenant:?}. Keep it; it is not shown again.")],
                shown,
            )
        }
        _ => obey(&Client::new(&Place::find()?)?, order).await?,
    };
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
        Order::List | Order::First { .. } => {
            let keys = fleet.keys().await?;
            (keys.iter().map(line).collect(), keys.iter().map(shown).collect())
        }
        Order::Create(wanted) => made(&fleet.create_key(&body(wanted)).await?),
        Order::Rotate { id, grace } => made(&fleet.rotate_key(id, *grace).await?),
        Order::Revoke { id } => {
            let key = fleet.revoke_key(id).await?;
            (vec![line(&key)], shown(&key))
        }
    })
}

fn body(wanted: &Wanted) -> Value {
    let mut body = json!({ "label": wanted.label });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    set("role", wanted.role.as_ref().map(|role| json!(role)));
    let brands: Map<String, Value> =
        wanted.brands.iter().map(|(slug, role)| (slug.clone(), json!(role))).collect();
    set("brands", (!brands.is_empty()).then_some(Value::Object(brands)));
    set("scopes", (!wanted.scopes.is_empty()).then(|| json!(wanted.scopes)));
    set("expiresAt", wanted.expires.as_ref().map(|time| json!(time)));
    set("mode", (wanted.mode != "live").then(|| json!(wanted.mode)));
    set("requestsPerMinute", wanted.per_minute.map(|number| json!(number)));
    body
}

fn made(key: &ApiKey) -> Told {
    let secret = key.key.clone().unwrap_or_default();
    let lines = vec![secret, format!("{} Keep it; it is not shown again.", line(key))];
    (lines, shown(key))
}

fn line(key: &ApiKey) -> String {
    let brands = key.brands.iter().map(|(slug, role)| format!("{slug}={role}"));
    let roles: Vec<String> = key.role.clone().into_iter().chain(brands).collect();
    let scopes = key.scopes.as_ref().map(|scopes| format!(" only {}", scopes.join(",")));
    let used = key.last_used_at.as_ref().map_or("never used".to_owned(), |at| format!("used {at}"));
    let end = key.expires_at.as_ref().map(|at| format!(", ends {at}")).unwrap_or_default();
    let mode = if key.mode == "test" { "test " } else { "" };
    format!(
        "{} {mode}…{} {} {}{} ({}, {used}{end}{})",
        key.id,
        key.hint,
        key.label,
        roles.join(","),
        scopes.unwrap_or_default(),
        key.status,
        if key.is_yours { ", yours" } else { "" },
    )
}

fn shown(key: &ApiKey) -> Value {
    let mut shown = json!({
        "id": key.id, "hint": key.hint, "mode": key.mode, "label": key.label, "role": key.role,
        "brands": key.brands, "scopes": key.scopes, "status": key.status,
        "requestsPerMinute": key.requests_per_minute, "createdAt": key.created_at,
        "expiresAt": key.expires_at, "lastUsedAt": key.last_used_at, "replaces": key.replaces,
        "isYours": key.is_yours,
    });
    if let Some(key) = &key.key {
        shown["key"] = json!(key);
    }
    shown
}
