//! What `dev` keeps between runs: ports, passwords, and which processes are its own.

use super::With;
use super::process::{self, Process};
use base::{Context, Fault, rng};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE: &str = "dev-state.json";
const LOCK: &str = "dev.lock";

/// Another process works in this data directory.
#[derive(Debug)]
pub struct Occupied(String);

impl fmt::Display for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Occupied {}

/// What is kept between runs, readable by the owner alone.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// The data directory that this state was written for.
    pub data: PathBuf,
    /// The private Postgres.
    pub postgres: Server,
    /// The private Redis.
    pub redis: Server,
    /// The port that the API was last found on.
    pub api_port: Option<u16>,
    /// The port that health and metrics were last found on.
    pub private_port: Option<u16>,
    /// The port that the simulators were last found on.
    pub sim_port: Option<u16>,
    /// The API key that was given out at the first start.
    pub api_key: Option<String>,
}

/// One private server.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// Where its files are.
    pub home: PathBuf,
    /// Its port on the loopback interface; 0 before the first start.
    pub port: u16,
    /// Its password.
    pub password: String,
    /// The process, while one is known.
    pub process: Option<Process>,
}

impl State {
    /// Reads the state of `data`, or begins one.
    ///
    /// # Errors
    /// The file is unreadable, or the directory is a copy of another that still exists.
    pub fn load(data: &Path) -> Result<Self, Fault> {
        let file = data.join(FILE);
        if !file.exists() {
            return Ok(Self::begin(data));
        }
        let text = fs::read(&file).with(|| format!("reading {}", file.display()))?;
        let mut state: Self = serde_json::from_slice(&text)
            .context(format!("{} is not what postfleet wrote", file.display()))?;
        if state.data != data {
            if state.data.join(FILE).exists() {
                let original = state.data.display();
                return Err(Fault::new(format!(
                    "{} is a copy of {original}, and its database belongs there; \
                     take an empty directory",
                    data.display(),
                )));
            }
            state.move_to(data);
        }
        Ok(state)
    }

    /// Writes the state down.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, data: &Path) -> Result<(), Fault> {
        let text = serde_json::to_vec_pretty(self).context("writing the state as JSON")?;
        write_private(&data.join(FILE), &text)
    }

    fn begin(data: &Path) -> Self {
        let server = |home: PathBuf| Server { home, port: 0, password: password(), process: None };
        Self {
            data: data.to_owned(),
            postgres: server(postgres_home(data, process::is_root())),
            redis: server(data.join("redis")),
            api_port: None,
            private_port: None,
            sim_port: None,
            api_key: None,
        }
    }

    /// The directory was renamed: what lies inside it moved along.
    fn move_to(&mut self, data: &Path) {
        for server in [&mut self.postgres, &mut self.redis] {
            if let Ok(inside) = server.home.strip_prefix(&self.data) {
                server.home = data.join(inside);
            }
        }
        self.data = data.to_owned();
    }
}

/// Makes the data directory and returns its absolute path.
///
/// # Errors
/// The disk refuses.
pub fn prepare(data: &Path) -> Result<PathBuf, Fault> {
    let logs = data.join("logs");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&logs)
        .with(|| format!("making {}", logs.display()))?;
    data.canonicalize().with(|| format!("finding {}", data.display()))
}

/// Locks the data directory until the file is dropped or the process dies.
///
/// # Errors
/// An [`Occupied`] when another process holds it.
pub fn lock(data: &Path) -> Result<File, Fault> {
    let path = data.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).with(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).context("reading the lock")?;
            let (data, holder) = (data.display(), holder.trim());
            return Err(Occupied(format!(
                "postfleet already runs on {data} (process {holder}); stop it, or give another \
                 directory with --data"
            ))
            .into());
        }
        Err(TryLockError::Error(error)) => return Err(error).context("locking the data directory"),
    }
    file.set_len(0).context("writing the lock")?;
    file.rewind().context("writing the lock")?;
    writeln!(file, "{}", std::process::id()).context("writing the lock")?;
    Ok(file)
}

/// Replaces a file that its owner alone may read.
///
/// # Errors
/// The disk refuses.
pub fn write_private(path: &Path, text: &[u8]) -> Result<(), Fault> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&fresh).with(|| format!("opening {}", fresh.display()))?;
    file.write_all(text).with(|| format!("writing {}", fresh.display()))?;
    file.sync_all().with(|| format!("writing {}", fresh.display()))?;
    fs::rename(&fresh, path).with(|| format!("replacing {}", path.display()))
}

/// The end of a server's log, to be shown when it does not come up.
pub fn log_end(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// Postgres refuses to run as root, and user `postgres` may not enter a directory of root's. So
/// root's databases lie in /var/lib, in a folder named after the data directory.
fn postgres_home(data: &Path, is_root: bool) -> PathBuf {
    if !is_root {
        return data.join("postgres");
    }
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in data.as_os_str().as_encoded_bytes() {
        // FNV-1a: the name has to be the same in every later version.
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    PathBuf::from(format!("/var/lib/postfleet-dev-{hash:016x}"))
}

fn password() -> String {
    let mut bytes = [0; 24];
    rng::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_directory_keeps_its_servers_and_a_copy_is_refused() {
        let root = std::env::temp_dir().join(format!("postfleet-state-{}", rng::uuid()));
        let (old, new) = (root.join("old"), root.join("new"));
        let old = prepare(&old).unwrap();
        let state = State::begin(&old);
        state.save(&old).unwrap();
        let password = state.redis.password;
        fs::create_dir_all(&new).unwrap();
        fs::copy(old.join(FILE), new.join(FILE)).unwrap();
        assert!(State::load(&new).is_err());
        fs::remove_dir_all(&old).unwrap();
        let moved = State::load(&new).unwrap();
        assert_eq!(moved.redis.home, new.join("redis"));
        assert_eq!(moved.redis.password, password);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn as_root_the_database_lies_where_user_postgres_may_enter() {
        let (one, other) = (Path::new("/srv/a"), Path::new("/srv/b"));
        assert_eq!(postgres_home(one, false), Path::new("/srv/a/postgres"));
        assert!(postgres_home(one, true).starts_with("/var/lib"));
        assert_ne!(postgres_home(one, true), postgres_home(other, true));
    }
}
