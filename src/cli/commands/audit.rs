//! `postfleet audit`: is it what was written, and bring it out.

use crate::commands::installation::Installation;
use crate::say::say;
use app::audit_chain::{self, Verified};
use base::{Context, Fault};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use store::audit_chain::{Anchor, Head};

/// Digits of a hash that name one chain alone.
const HASH_MIN: usize = 32;

/// What `postfleet audit` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    #[command(subcommand)]
    order: Order,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Looks through the chain from its beginning, and names each row that was forged, deleted or
    /// moved. Exit code 1 where there is one.
    Verify {
        /// An end of the chain that was noted elsewhere (the log tells each), as `NUMBER:HASH`: the
        /// chain has to lead through it.
        #[arg(long, value_name = "NUMBER:HASH")]
        through: Option<String>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Writes each row with its link, a line of JSON each, in the order of the chain.
    Export {
        /// The file; standard output without it.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Only what comes behind this link.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
    },
}

/// Does what was asked.
///
/// # Errors
/// The database or the disk fails.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let (_, store) = arguments.installation.open().await?;
    match &arguments.order {
        Order::Verify { through, json } => {
            let known = through.as_deref().map(head).transpose()?;
            let found = audit_chain::verify(&store, known.as_ref()).await?;
            match json {
                true => say(serde_json::to_string_pretty(&found).unwrap_or_default()),
                false => lines(&found).iter().for_each(say),
            }
            let is_whole = found.findings.is_empty();
            Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Order::Export { to, after } => {
            let mut out = match to {
                Some(to) => {
                    let file = File::create_new(to).context(format!("making {}", to.display()))?;
                    Some(BufWriter::new(file))
                }
                None => None,
            };
            let count = audit_chain::export(&store, *after, |row| {
                let line = serde_json::to_string(row).context("writing a row")?;
                match &mut out {
                    Some(out) => writeln!(out, "{line}").context("writing a row"),
                    None => {
                        say(line);
                        Ok(())
                    }
                }
            })
            .await?;
            if let (Some(mut out), Some(to)) = (out, to) {
                out.flush().context(format!("writing {}", to.display()))?;
                say(format_args!("{count} rows are in {}.", to.display()));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn head(text: &str) -> Result<Head, Fault> {
    let parts = text.split_once(':').and_then(|(no, hash)| Some((no.parse().ok()?, hash)));
    let is_hash =
        |hash: &str| hash.len() >= HASH_MIN && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    let parts = parts.filter(|(_, hash)| is_hash(hash));
    let (no, hash) = parts.context("--through is NUMBER:HASH, as the log says both")?;
    Ok(Head { no, hash: hash.to_lowercase() })
}

fn lines(found: &Verified) -> Vec<String> {
    let Head { no, hash } = &found.head;
    let mut lines: Vec<String> = found
        .findings
        .iter()
        .map(|one| {
            let row = one.row.map(|row| format!("row {row}")).unwrap_or_default();
            let no = one.no.map(|no| format!("link {no}")).unwrap_or_default();
            format!("{:<8}{row:>12} {no:>12}  {}", one.kind, one.words)
        })
        .collect();
    let words = match found.findings.len() {
        0 => "the audit is whole",
        _ => "the audit is NOT what was written",
    };
    if let Some(anchor) = &found.forgotten {
        let Anchor { no, at, .. } = anchor;
        lines.push(format!("What is up to link {no} was forgotten because of its age, on {at}."));
    }
    lines.push(format!("{} links, up to {no}:{hash}: {words}.", found.links));
    lines
}
