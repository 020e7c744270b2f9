//! Postgres's own programs that write and read a dump.
//!
//! Invariant: the password of the database is in no argument, which every user of the machine can
//! read.

use base::{Context, Fault};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};
use url::{Url, form_urlencoded};

/// Where Debian keeps them, by version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program of Postgres on a database, with its password in its environment.
fn on(name: &str, url: &str) -> Result<Command, Fault> {
    let mut url =
        Url::parse(url).map_err(|_| Fault::new("store.url is not a Postgres connection string"))?;
    let password = url.password().map(percent_decoded);
    let _ = url.set_password(None);
    let mut command = Command::new(find(name)?);
    command.arg("--dbname").arg(url.as_str());
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command.stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// The dump of a database, to be read from its standard output.
///
/// # Errors
/// When the program is missing or does not start.
pub fn dump(url: &str) -> Result<Child, Fault> {
    let mut command = on("pg_dump", url)?;
    command.args(["--format=custom", "--no-owner", "--exclude-table=quarantine"]);
    command.arg("--lock-wait-timeout=60s").stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().context("starting pg_dump")
}

/// Reads a dump back from its standard input, all of it or nothing.
///
/// # Errors
/// When the program is missing or does not start.
pub fn read_back(url: &str) -> Result<Child, Fault> {
    let mut command = on("pg_restore", url)?;
    command.args(["--no-owner", "--exit-on-error", "--single-transaction"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().context("starting pg_restore")
}

/// How a program ended: what it said is the fault.
///
/// # Errors
/// When it did not end well.
pub async fn ended(name: &str, child: Child) -> Result<(), Fault> {
    let ended = child.wait_with_output().await.context(format!("waiting for {name}"))?;
    match ended.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&ended.stderr);
            Err(Fault::new(format_args!("{name} ended with {}: {}", ended.status, said.trim())))
        }
    }
}

/// In PATH, else the newest of Debian's.
fn find(name: &str) -> Result<PathBuf, Fault> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(Path::new(DEBIAN))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin").join(name)))
        })
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    let all = in_path.chain(versions.into_iter().map(|(_, file)| file));
    all.into_iter().find(|file| file.is_file()).context(format!(
        "there is no {name}: install Debian's package postgresql-client, of the server's version \
         or a later one"
    ))
}

/// A part of an address as it was before it was written there. A form is written the same way,
/// but for its blanks.
fn percent_decoded(text: &str) -> String {
    let form = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(_, plain)| plain.into())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_what_it_was_before_it_was_put_into_an_address() {
        for (written, plain) in [("a%20b+c", "a b+c"), ("%3D%26&%25", "=&&%"), ("plain", "plain")] {
            assert_eq!(percent_decoded(written), plain);
        }
    }
}
