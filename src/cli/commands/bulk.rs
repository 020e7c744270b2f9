//! `postfleet posts bulk`: enqueues the posts of a file, or only checks them.

use crate::say::say;
use base::{Context, Fault, rng};
use client::{Bulk, BulkError, BulkReport, Client, Form};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `postfleet posts bulk` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Posts: a JSON object a line, or with the ending `.csv` a table whose first row names the
    /// fields. 5,000 at most.
    file: PathBuf,
    /// Checks the rows, and that is all.
    #[arg(long)]
    dry_run: bool,
    /// Accepts the good rows though others are bad; without it none is accepted then.
    #[arg(long)]
    partial: bool,
    /// Sent twice with the same key, each row is one post; drawn without it.
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
}

/// Enqueues the posts, and shows what became of each.
///
/// # Errors
/// The fleet refuses the file as a whole, or does not answer.
pub async fn run(fleet: &Client, arguments: &Arguments, is_json: bool) -> Result<ExitCode, Fault> {
    let file = &arguments.file;
    let posts = std::fs::read(file).context(format!("reading {}", file.display()))?;
    let key = arguments.key.clone().unwrap_or_else(|| rng::uuid().to_string());
    let bulk = Bulk {
        form: form(file),
        is_partial: arguments.partial,
        is_dry_run: arguments.dry_run,
        idempotency_key: Some(&key),
    };
    let report = fleet.bulk(posts, bulk).await.context(format!("with --key {key}"))?;
    match is_json {
        true => say(serde_json::to_string_pretty(&report).unwrap_or_default()),
        false => lines(&report).iter().for_each(say),
    }
    Ok(if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn form(file: &Path) -> Form {
    let is_table = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    if is_table { Form::Table } else { Form::Lines }
}

fn lines(report: &BulkReport) -> Vec<String> {
    let posts = report.posts.iter().map(|post| {
        let again = if post.again { "  again" } else { "" };
        format!("line {}  {}{again}", post.line, post.id)
    });
    let errors = report.errors.iter().flat_map(wrong);
    let verb = if report.dry_run { "would be accepted" } else { "accepted" };
    let BulkReport { rows, accepted, refused, .. } = report;
    let sum = format!("{accepted} of {rows} {verb}, {refused} refused");
    posts.chain(errors).chain([sum]).collect()
}

fn wrong(bad: &BulkError) -> Vec<String> {
    if bad.details.is_empty() {
        return vec![format!("line {}  {}", bad.line, bad.message)];
    }
    bad.details.iter().map(|detail| format!("line {}  {detail}", bad.line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::BulkPost;

    #[test]
    fn every_row_is_told_and_the_sum_last() {
        let post = |line, again| BulkPost {
            line,
            id: format!("pst_{line}"),
            client_ref: None,
            again,
            warnings: Vec::new(),
        };
        let message = "Nothing of it.".to_owned();
        let bad = BulkError { line: 3, error: "no".into(), message, details: Vec::new() };
        let posts = vec![post(1, false), post(2, true)];
        let report = BulkReport {
            dry_run: false,
            rows: 3,
            accepted: 2,
            refused: 1,
            posts,
            errors: vec![bad],
        };
        let told = [
            "line 1  pst_1",
            "line 2  pst_2  again",
            "line 3  Nothing of it.",
            "2 of 3 accepted, 1 refused",
        ];
        assert_eq!(lines(&report), told);
        assert_eq!(form(Path::new("a/b.CSV")), Form::Table);
        assert_eq!(form(Path::new("posts.jsonl")), Form::Lines);
    }
}
