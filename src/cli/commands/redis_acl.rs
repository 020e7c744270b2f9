//! `postfleet redis-acl`: the user of Redis that a fleet needs, with the used commands alone.

use crate::config::Config;
use crate::say::say;
use base::{Context, Fault, rng};
use serde_json::json;
use std::path::PathBuf;

/// What `postfleet redis-acl` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The name of the user.
    #[arg(long, value_name = "NAME", default_value = "postfleet")]
    user: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the commands that make the user. Its password is drawn anew each time, and Redis is not
/// asked.
///
/// # Errors
/// The configuration cannot be read, or the name is none.
pub fn run(arguments: &Arguments) -> Result<(), Fault> {
    let user = &arguments.user;
    if user.is_empty() || user.contains(|c: char| c.is_whitespace() || c == '\0') {
        let rule = "--user is one word, as Redis takes it";
        return Err(Fault::new(format!("{rule}; {user:?} is not")));
    }
    let config = Config::load(arguments.config.as_deref())?;
    let mut bytes = [0; 32];
    rng::fill(&mut bytes);
    let password = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let rules = queue::access::rules(&config.queue, user, &format!(">{password}"))?;
    let told = json!({"user": user, "password": password, "rules": rules});
    say(match arguments.json {
        true => serde_json::to_string_pretty(&told).context("writing JSON")?,
        false => rules.join("\n"),
    });
    Ok(())
}
