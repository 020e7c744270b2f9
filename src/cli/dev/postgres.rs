//! The private Postgres: made once, started, adopted, stopped.
//!
//! Invariant: `fsync` stays on. What was acknowledged survives here as it does in production.

use super::programs::Programs;
use super::state::{self, Server, State};
use super::{With, ports, process};
use base::{Context, Fault, clock};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const NAME: &str = "postfleet";
const STARTS_MAX: u32 = 3;
// Recovery after a crash reads at most `max_wal_size` (1 GB by default) back.
const READY_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);
const STOP_WITHIN_S: &str = "30";

/// The address of the database, with its password.
pub fn url(server: &Server) -> String {
    format!("postgres://{NAME}:{}@127.0.0.1:{}/{NAME}", server.password, server.port)
}

/// The process that the state names still runs.
pub fn is_running(server: &Server) -> bool {
    server.process.is_some_and(|process| {
        process::is_running(process)
            && process::works_in(process.pid, &["postgres"], &cluster(server))
    })
}

/// Makes the database if there is none, adopts a running server or starts one, and waits until it
/// answers.
///
/// # Errors
/// It does not come up; the end of its log is in the fault.
pub async fn start(programs: &Programs, data: &Path, state: &mut State) -> Result<(), Fault> {
    let user = User::find()?;
    let log = data.join("logs/postgres.log");
    if !cluster(&state.postgres).join("PG_VERSION").exists() {
        let doing = format!("making the database; see {}", log.display());
        make(programs, &user, &state.postgres, &log).await.context(doing)?;
    }
    adopt(&mut state.postgres)?;
    for start in 1..=STARTS_MAX {
        if state.postgres.process.is_none() {
            if !ports::is_free(state.postgres.port) {
                state.postgres.port = ports::draw()?;
            }
            spawn(programs, &user, &mut state.postgres, &log)?;
            state.save(data)?;
        }
        if ready(&mut state.postgres).await? {
            return state.save(data);
        }
        // Another process may have taken the port, or backends of a killed server still hold
        // its shared memory; they end within a second.
        state.postgres.process = None;
        clock::pause(Duration::from_millis(500) * start).await;
    }
    Err(Fault::new(format!(
        "Postgres does not start; the end of {}:\n{}",
        log.display(),
        state::log_end(&log)
    )))
}

/// Stops it: sessions are cut off, what was committed is on disk.
///
/// # Errors
/// It does not end.
pub async fn stop(programs: &Programs, server: &mut Server) -> Result<(), Fault> {
    if !is_running(server) {
        server.process = None;
        return Ok(());
    }
    let user = User::find()?;
    for mode in ["fast", "immediate"] {
        let mut command = user.command(&program(programs, server, "pg_ctl")?);
        command.arg("stop").arg("-D").arg(cluster(server));
        command.args(["-m", mode, "-t", STOP_WITHIN_S]).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().await.context("running pg_ctl")?;
        if status.success() || !is_running(server) {
            server.process = None;
            return Ok(());
        }
    }
    Err(Fault::new("Postgres does not stop"))
}

/// The folder of the database itself. It gets its name when it is complete.
fn cluster(server: &Server) -> PathBuf {
    server.home.join("cluster")
}

fn program(programs: &Programs, server: &Server, name: &str) -> Result<PathBuf, Fault> {
    let major = fs::read_to_string(cluster(server).join("PG_VERSION")).ok();
    Ok(programs.postgres(major.as_deref().map(str::trim))?.join(name))
}

async fn make(programs: &Programs, user: &User, at: &Server, log: &Path) -> Result<(), Fault> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&at.home)
        .with(|| format!("making {}", at.home.display()))?;
    user.own(&at.home)?;
    let fresh = at.home.join("cluster.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with(|| format!("removing {}", fresh.display()))?;
    }
    let password = at.home.join("password.new");
    state::write_private(&password, at.password.as_bytes())?;
    user.own(&password)?;
    let bin = programs.postgres(None)?;
    let mut initdb = user.command(&bin.join("initdb"));
    initdb.arg("-D").arg(&fresh).arg("--pwfile").arg(&password);
    initdb.args(["--no-locale", "-E", "UTF8", "-A", "scram-sha-256", "-U", NAME]);
    finish(initdb, None, log).await?;
    fs::remove_file(&password).context("removing the password file")?;
    // A server for a single session, without a socket: the database is there from the first start.
    let mut single = user.command(&bin.join("postgres"));
    single.arg("--single").arg("-D").arg(&fresh).arg("postgres");
    finish(single, Some(format!("CREATE DATABASE {NAME}\n")), log).await?;
    fs::rename(&fresh, cluster(at)).context("giving the database its name")
}

/// Runs a command to its end, with its output in the log.
async fn finish(mut command: Command, input: Option<String>, log: &Path) -> Result<(), Fault> {
    use tokio::io::AsyncWriteExt;
    let name = command.as_std().get_program().to_owned();
    let name = PathBuf::from(name).display().to_string();
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(open_log(log)?).stderr(open_log(log)?);
    let mut child = command.spawn().with(|| format!("running {name}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes()).await.with(|| format!("talking to {name}"))?;
    }
    let status = child.wait().await.with(|| format!("running {name}"))?;
    if status.success() {
        return Ok(());
    }
    Err(Fault::new(format!("{name} ended with {status}:\n{}", state::log_end(log))))
}

/// Takes over a server of ours that still runs, and removes the trace of one that does not.
fn adopt(server: &mut Server) -> Result<(), Fault> {
    server.process = None;
    let file = cluster(server).join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
    let trace = Trace::read(&text);
    let is_ours = |pid: u32| process::works_in(pid, &["postgres"], &cluster(server));
    match trace.pid.filter(|pid| is_ours(*pid)).and_then(process::look) {
        Some(process) => {
            server.process = Some(process);
            server.port = trace.port.unwrap_or(server.port);
        }
        // Postgres itself would refuse to start when the number now belongs to somebody else,
        // which is common after a container restarts.
        None => fs::remove_file(&file).with(|| format!("removing {}", file.display()))?,
    }
    Ok(())
}

fn spawn(programs: &Programs, user: &User, server: &mut Server, log: &Path) -> Result<(), Fault> {
    let mut command = user.command(&program(programs, server, "postgres")?);
    command.arg("-D").arg(cluster(server)).arg("-p").arg(server.port.to_string());
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=on",
        "full_page_writes=on",
        "synchronous_commit=on",
        "max_connections=200",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    command.stdin(Stdio::null()).stdout(open_log(log)?).stderr(open_log(log)?);
    // A group of its own: Ctrl-C in a terminal reaches us alone, and we stop it when we are done.
    command.process_group(0);
    let child = command.spawn().context("starting Postgres")?;
    server.process = child.id().and_then(process::look);
    Ok(())
}

/// Waits until the server answers; `false` when it ended instead.
async fn ready(server: &mut Server) -> Result<bool, Fault> {
    let since = clock::stopwatch();
    let file = cluster(server).join("postmaster.pid");
    while server.process.is_some_and(process::is_running) {
        let trace = Trace::read(&fs::read_to_string(&file).unwrap_or_default());
        let pid = server.process.map(|process| process.pid);
        if trace.is_ready && trace.pid == pid {
            return Ok(true);
        }
        if since.elapsed() > READY_WITHIN {
            return Err(Fault::new(format!("Postgres is not ready after {READY_WITHIN:?}")));
        }
        clock::pause(POLL).await;
    }
    Ok(false)
}

fn open_log(log: &Path) -> Result<fs::File, Fault> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    let mut file = options.open(log).with(|| format!("opening {}", log.display()))?;
    file.flush().context("opening the log")?;
    Ok(file)
}

/// What Postgres writes into `postmaster.pid`: pid, folder, start, port, socket, address, memory,
/// status, a line each.
struct Trace {
    pid: Option<u32>,
    port: Option<u16>,
    is_ready: bool,
}

impl Trace {
    fn read(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let line = |at: usize| lines.get(at).copied().unwrap_or_default();
        Self { pid: line(0).parse().ok(), port: line(3).parse().ok(), is_ready: line(7) == "ready" }
    }
}

/// Who runs Postgres: we, or user `postgres` when we are root.
enum User {
    Own,
    Postgres { uid: u32, gid: u32 },
}

impl User {
    fn find() -> Result<Self, Fault> {
        if !process::is_root() {
            return Ok(Self::Own);
        }
        let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        let ids = users.lines().find_map(|line| {
            let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        let (uid, gid) = ids.context(
            "Postgres does not run as root and there is no user `postgres`; \
             run postfleet as an ordinary user, or: useradd --system postgres",
        )?;
        Ok(Self::Postgres { uid, gid })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // User `postgres` may not enter every directory that root stands in.
        command.current_dir("/");
        if let Self::Postgres { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    fn own(&self, path: &Path) -> Result<(), Fault> {
        match self {
            Self::Own => Ok(()),
            Self::Postgres { uid, gid } => std::os::unix::fs::chown(path, Some(*uid), Some(*gid))
                .with(|| format!("giving {} to user postgres", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_of_a_server_tells_pid_port_and_readiness() {
        let text = "812\n/data/cluster\n1700000000\n20412\n\n127.0.0.1\n  1 2\nready   \n";
        let trace = Trace::read(text);
        assert_eq!((trace.pid, trace.port, trace.is_ready), (Some(812), Some(20_412), true));
        assert!(!Trace::read(&text.replace("ready   ", "starting")).is_ready);
        assert_eq!(Trace::read("").pid, None);
    }
}
