//! Finds the programs of Postgres and Redis on this machine.

use base::Fault;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

const DEBIAN: &str = "/usr/lib/postgresql";

/// A program is not installed; says which package holds it.
#[derive(Debug)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Folders with `postgres`, `initdb` and `pg_ctl`, the preferred one first.
    postgres: Vec<PathBuf>,
    /// `redis-server` or `valkey-server`.
    pub redis: PathBuf,
}

/// Looks in `PATH`, then in Debian's folders, the newest version first.
///
/// # Errors
/// A [`Missing`] for everything that is not there.
pub fn find() -> Result<Programs, Fault> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian keeps what its root-only programs need out of a user's PATH.
    let in_path = |name: &str| {
        let beside = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
        folders.iter().chain(&beside).map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    let own = in_path("postgres").and_then(|file| Some(file.canonicalize().ok()?.parent()?.into()));
    let mut postgres: Vec<PathBuf> = own.into_iter().chain(versions(Path::new(DEBIAN))).collect();
    postgres.retain(|bin| ["postgres", "initdb", "pg_ctl"].iter().all(|p| bin.join(p).is_file()));
    let redis = in_path("redis-server").or_else(|| in_path("valkey-server"));
    match (postgres.is_empty(), redis) {
        (false, Some(redis)) => Ok(Programs { postgres, redis }),
        (no_postgres, redis) => Err(Missing(missing(no_postgres, redis.is_none())).into()),
    }
}

impl Programs {
    /// The folder of the programs that fit a database of this major version, or of any version.
    ///
    /// # Errors
    /// A [`Missing`] when none fits.
    pub fn postgres(&self, major: Option<&str>) -> Result<&Path, Fault> {
        let fits =
            |bin: &&PathBuf| major.is_none_or(|major| version(bin).as_deref() == Some(major));
        self.postgres.iter().find(fits).map(PathBuf::as_path).ok_or_else(|| {
            let major = major.unwrap_or_default();
            Missing(format!(
                "the database in this data directory was made by Postgres {major}, which is not \
                 installed; install Debian's package postgresql-{major}, or take another directory"
            ))
            .into()
        })
    }
}

/// The program folders of Debian's layout, the newest version first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, bin)| bin).collect()
}

/// The major version of the programs in this folder, as `15`.
fn version(bin: &Path) -> Option<String> {
    let told = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    // As `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 18beta1`.
    let told = String::from_utf8(told.stdout).ok()?;
    let number = told.split_once("(PostgreSQL) ")?.1;
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    (!major.is_empty()).then_some(major)
}

fn missing(postgres: bool, redis: bool) -> String {
    let mut packages = Vec::new();
    let mut words = Vec::new();
    if postgres {
        packages.push("postgresql");
        words.push(format!("no `postgres` with its `initdb` in PATH or {DEBIAN}/*/bin"));
    }
    if redis {
        packages.push("redis-server");
        words.push("no `redis-server` or `valkey-server` in PATH".to_owned());
    }
    let (words, packages) = (words.join("; "), packages.join(" "));
    format!("{words}; on Debian or Ubuntu: apt-get install {packages}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_debian_version_comes_first_by_number() {
        let root = std::env::temp_dir().join(format!("postfleet-bin-{}", base::rng::uuid()));
        for name in ["9", "15", "17", "common"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let expected: Vec<PathBuf> =
            ["17/bin", "15/bin", "9/bin"].iter().map(|name| root.join(name)).collect();
        assert_eq!(versions(&root), expected);
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let words = missing(true, true);
        assert!(words.ends_with("apt-get install postgresql redis-server"), "{words}");
        assert!(!missing(false, true).contains("postgresql"));
    }
}
