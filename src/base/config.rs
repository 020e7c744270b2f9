//! Reads the configuration: a TOML file, then the environment over it.
//!
//! `POSTFLEET__SECTION__KEY` overrides `key` of `[section]`, at any depth, and
//! `POSTFLEET_FILE__SECTION__KEY` with what stands in the file that it names: secrets come as files.
//! The target's `deny_unknown_fields` refuses mistyped keys; a mistyped variable is named in the
//! refusal. An empty variable counts as unset.

use crate::fault::{Context, Fault};
use ::config::{Config, ConfigError, Environment, File, FileFormat};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::path::Path;

/// What a variable that belongs to the configuration begins with.
const PREFIX: &str = "POSTFLEET__";

/// The same for a value that stands in a file.
const FILE_PREFIX: &str = "POSTFLEET_FILE__";

/// Shorter values are not taken for secrets.
const SECRET_SIZE_BYTES_MIN: usize = 6;

/// Reads a list, or text with blanks between its entries: the environment knows no lists.
///
/// # Errors
/// When it is neither.
pub fn list_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::List(list) => list,
        Given::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
    })
}

type Variables = HashMap<String, String>;

/// The configuration in `file`, if there is one, overridden by the environment.
///
/// # Errors
/// When the file cannot be read, or a key or variable is unknown or of another type.
pub fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<T, Fault> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    load_from(file, std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
}

fn load_from<T: DeserializeOwned>(file: Option<&Path>, all: Variables) -> Result<T, Fault> {
    let all = with_files(all)?;
    let own = |name: &String| name.starts_with(PREFIX);
    if let Some(name) = all.keys().find(|name| !own(name) && looks_meant(name)) {
        return Err(Fault::new(format_args!(
            "the variable {name} has no effect: variables of the configuration begin with {PREFIX}"
        )));
    }
    let variables: Variables =
        all.into_iter().filter(|(name, value)| own(name) && !value.is_empty()).collect();
    let content = file.map(read).transpose()?;
    let content = content.as_deref();
    parse(content, variables.clone())
        .map_err(|error| blame(file, content, &variables, error, parse::<T>))
}

/// Puts in the place of each variable that names a file one with what stands there.
fn with_files(mut all: Variables) -> Result<Variables, Fault> {
    let named: Vec<String> =
        all.keys().filter(|name| name.starts_with(FILE_PREFIX)).cloned().collect();
    for name in named {
        let path = all.remove(&name).unwrap_or_default();
        let own = name.replacen(FILE_PREFIX, PREFIX, 1);
        if path.is_empty() {
            continue;
        }
        if all.get(&own).is_some_and(|value| !value.is_empty()) {
            return Err(Fault::new(format_args!("both {name} and {own} are set; unset one")));
        }
        let text = std::fs::read_to_string(&path);
        let text = text.context(format!("the variable {name}: reading {path}"))?;
        all.insert(own, text.trim_end().to_owned());
    }
    Ok(all)
}

/// `POSTFLEET_QUEUE__URL` was meant for us; `POSTFLEET_URL` is the command line's own.
fn looks_meant(name: &str) -> bool {
    name.strip_prefix("POSTFLEET_").is_some_and(|rest| rest.contains("__"))
}

fn read(file: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(file)
        .context(format!("reading the configuration file {}", file.display()))
}

fn parse<T: DeserializeOwned>(text: Option<&str>, variables: Variables) -> Result<T, ConfigError> {
    let mut sources = Config::builder();
    if let Some(text) = text {
        sources = sources.add_source(File::from_str(text, FileFormat::Toml));
    }
    // Values stay text here: the target's types turn them into numbers, and `007` keeps its zeros.
    let environment = Environment::with_prefix("POSTFLEET")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables));
    sources.add_source(environment).build()?.try_deserialize()
}

/// Says who is at fault: the file if it fails alone, else the variable that fails alone.
fn blame<T>(
    file: Option<&Path>,
    content: Option<&str>,
    variables: &Variables,
    error: ConfigError,
    parse: impl Fn(Option<&str>, Variables) -> Result<T, ConfigError>,
) -> Fault {
    let alone = parse(content, Variables::new());
    if let (Err(error), Some(file)) = (&alone, file) {
        return Fault::new(format_args!("the configuration file {}: {error}", file.display()));
    }
    let mut names: Vec<&String> = variables.keys().collect();
    names.sort();
    for name in names.into_iter().filter(|_| alone.is_ok()) {
        let value = &variables[name];
        if let Err(error) = parse(content, Variables::from([(name.clone(), value.clone())])) {
            let reason = without(error.to_string(), value);
            return Fault::new(format_args!("the variable {name}: {reason}"));
        }
    }
    let reason = variables.values().fold(error.to_string(), |text, value| without(text, value));
    Fault::new(format_args!("the configuration: {reason}"))
}

/// A value may be a secret that ended up under the wrong name. No secret is as short as a number,
/// and those are worth showing.
fn without(text: String, value: &str) -> String {
    if value.len() < SECRET_SIZE_BYTES_MIN { text } else { text.replace(value, "…") }
}

#[cfg(test)]
mod tests;
