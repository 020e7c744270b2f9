//! `postfleet retry`: sends again, in one action, what failed of one cause.

use crate::say::say;
use base::Fault;
use client::{Client, Kind, Place, Retried};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// What `postfleet retry` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    cause: Cause,
    /// Only counts it.
    #[arg(long)]
    preview: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Which failed deliveries are meant: those for which all holds that is said.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct Cause {
    /// On this platform.
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// With a failure of this type, as PlatformTransientError.
    #[arg(long = "type", value_name = "NAME")]
    error_type: Option<String>,
    /// On this account, by its id.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Of posts of this brand, by its slug.
    #[arg(long, value_name = "SLUG")]
    brand: Option<String>,
    /// Failed then or later.
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Failed earlier than that, as the `asOf` of a preview.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

/// Sends it again, or counts it, and says how much there was of what.
///
/// # Errors
/// The fleet refuses or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let retried = fleet.retry_by_cause(&body(arguments)).await?;
    match arguments.json {
        true => say(serde_json::to_string_pretty(&shown(&retried)).unwrap_or_default()),
        false => lines(&retried).iter().for_each(say),
    }
    Ok(ExitCode::SUCCESS)
}

fn body(arguments: &Arguments) -> Value {
    let cause = &arguments.cause;
    let said = [
        ("platform", &cause.platform),
        ("errorType", &cause.error_type),
        ("accountId", &cause.account),
        ("brandSlug", &cause.brand),
        ("failedAfter", &cause.after),
        ("failedBefore", &cause.before),
    ];
    let said = said.into_iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str())))
    });
    let mut body: Map<String, Value> = said.collect();
    body.insert("preview".to_owned(), arguments.preview.into());
    body.into()
}

fn lines(retried: &Retried) -> Vec<String> {
    let line = |kind: &Kind| {
        let Kind { platform, error_type, count, left_alone } = kind;
        let told = left_alone.as_deref().unwrap_or_default();
        format!("{platform:<10} {error_type:<24} {count:>7}  {told}").trim_end().to_owned()
    };
    let mut lines: Vec<String> = retried.causes.iter().map(line).collect();
    let Retried { count, remaining, as_of, .. } = retried;
    lines.push(match retried.is_preview {
        true => format!("{count} deliveries would go out again (--before {as_of} for these)."),
        false if *remaining > 0 => {
            format!("{count} deliveries go out again; {remaining} are left: ask once more.")
        }
        false => format!("{count} deliveries go out again."),
    });
    lines
}

fn shown(retried: &Retried) -> Value {
    let kind = |kind: &Kind| {
        json!({
            "platform": kind.platform, "errorType": kind.error_type, "count": kind.count,
            "leftAlone": kind.left_alone,
        })
    };
    json!({
        "isPreview": retried.is_preview, "count": retried.count, "remaining": retried.remaining,
        "causes": retried.causes.iter().map(kind).collect::<Vec<_>>(),
        "deliveries": retried.deliveries, "asOf": retried.as_of,
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

    fn read(line: &[&str]) -> Option<Value> {
        let line = [&["retry"], line].concat();
        Line::try_parse_from(line).ok().map(|line| body(&line.arguments))
    }

    #[test]
    fn at_least_one_thing_is_said_of_the_cause() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["--preview"]), None);
        let said = read(&["--platform", "x", "--type", "PlatformAuthError", "--preview"]);
        let expected = json!({"platform": "x", "errorType": "PlatformAuthError", "preview": true});
        assert_eq!(said, Some(expected));
        let said = read(&["--after", "2026-12-01T09:00:00Z"]);
        assert_eq!(said, Some(json!({"failedAfter": "2026-12-01T09:00:00Z", "preview": false})));
    }

    #[test]
    fn lines_tell_what_goes_and_what_is_left_alone() {
        let mut retried = json!({
            "isPreview": true, "count": 7, "remaining": 7, "deliveries": [],
            "asOf": "2026-12-01T09:00:00.000Z",
            "causes": [
                {"platform": "x", "errorType": "PlatformTransientError", "count": 7},
                {"platform": "x", "errorType": "PlatformContentError", "count": 2,
                    "leftAlone": "Edit it."},
            ],
        });
        let read = |value: &Value| serde_json::from_value::<Retried>(value.clone()).unwrap();
        assert_eq!(
            lines(&read(&retried)),
            [
                "x          PlatformTransientError         7",
                "x          PlatformContentError           2  Edit it.",
                "7 deliveries would go out again (--before 2026-12-01T09:00:00.000Z for these).",
            ]
        );
        retried["isPreview"] = false.into();
        let told = lines(&read(&retried));
        assert_eq!(told[2], "7 deliveries go out again; 7 are left: ask once more.");
    }
}
