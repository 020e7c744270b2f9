//! The private Redis: configured, started, adopted, stopped.

use super::programs::Programs;
use super::state::{self, Server, State};
use super::{With, ports, process};
use base::{Context, Fault, clock};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

// Debian's redis-server is a link to a program that looks at the name it was called by.
const PROGRAMS: [&str; 4] =
    ["redis-server", "valkey-server", "redis-check-rdb", "valkey-check-rdb"];
const STARTS_MAX: u32 = 3;
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

/// The address of Redis, with its password.
pub fn url(server: &Server) -> String {
    format!("redis://:{}@127.0.0.1:{}/0", server.password, server.port)
}

/// The process that the state names still runs.
pub fn is_running(server: &Server) -> bool {
    server.process.is_some_and(|process| {
        process::is_running(process) && process::works_in(process.pid, &PROGRAMS, &server.home)
    })
}

/// Adopts a running server or starts one, and waits until it has read its file and answers.
///
/// # Errors
/// It does not come up; the end of its log is in the fault.
pub async fn start(programs: &Programs, data: &Path, state: &mut State) -> Result<(), Fault> {
    let log = data.join("logs/redis.log");
    let home = state.redis.home.clone();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&home)
        .with(|| format!("making {}", home.display()))?;
    adopt(&mut state.redis);
    for start in 1..=STARTS_MAX {
        if state.redis.process.is_none() {
            if !ports::is_free(state.redis.port) {
                state.redis.port = ports::draw()?;
            }
            spawn(programs, &mut state.redis, &log)?;
            state.save(data)?;
        }
        if ready(&state.redis).await? {
            return state.save(data);
        }
        state.redis.process = None;
        clock::pause(Duration::from_millis(200) * start).await;
    }
    Err(Fault::new(format!(
        "Redis does not start; the end of {}:\n{}",
        log.display(),
        state::log_end(&log)
    )))
}

/// Stops it; its file holds everything.
///
/// # Errors
/// It does not end.
pub async fn stop(server: &mut Server) -> Result<(), Fault> {
    let since = clock::stopwatch();
    if is_running(server) {
        // There is no answer to a successful SHUTDOWN: the connection ends.
        let _ = ask(server, "SHUTDOWN").await;
    }
    while is_running(server) {
        if since.elapsed() > STOP_WITHIN {
            return Err(Fault::new("Redis does not stop"));
        }
        clock::pause(POLL).await;
    }
    server.process = None;
    Ok(())
}

fn adopt(server: &mut Server) {
    if is_running(server) {
        return;
    }
    // Killed between the start of Redis and the note of it: Redis noted itself.
    let pid = fs::read_to_string(server.home.join("redis.pid")).ok();
    let pid = pid.and_then(|text| text.trim().parse().ok());
    let ours = pid.filter(|pid| process::works_in(*pid, &PROGRAMS, &server.home));
    server.process = ours.and_then(process::look);
}

fn spawn(programs: &Programs, server: &mut Server, log: &Path) -> Result<(), Fault> {
    let file = server.home.join("redis.conf");
    state::write_private(&file, settings(server).as_bytes())?;
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    let open = || options.open(log).with(|| format!("opening {}", log.display()));
    let mut command = Command::new(&programs.redis);
    command.arg(&file).current_dir(&server.home);
    command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
    // A group of its own: Ctrl-C in a terminal reaches us alone, and we stop it when we are done.
    command.process_group(0);
    let child = command.spawn().context("starting Redis")?;
    server.process = child.id().and_then(process::look);
    Ok(())
}

/// The configuration; the password stands here and not on the command line, which all can read.
fn settings(server: &Server) -> String {
    let home = server.home.display();
    let (port, password) = (server.port, &server.password);
    format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndaemonize no\n\
         dir \"{home}\"\npidfile \"{home}/redis.pid\"\nsave \"\"\n\
         appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n"
    )
}

/// Waits until the server answers; `false` when it ended instead.
async fn ready(server: &Server) -> Result<bool, Fault> {
    let since = clock::stopwatch();
    while server.process.is_some_and(process::is_running) {
        if ask(server, "PING").await.is_ok_and(|answer| answer.contains("+PONG")) {
            return Ok(true);
        }
        if since.elapsed() > READY_WITHIN {
            return Err(Fault::new(format!("Redis is not ready after {READY_WITHIN:?}")));
        }
        clock::pause(POLL).await;
    }
    Ok(false)
}

/// Sends one command and returns all that is answered until Redis closes the connection.
async fn ask(server: &Server, command: &str) -> Result<String, Fault> {
    let talk = async {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await?;
        let words = format!("AUTH {}\r\n{command}\r\nQUIT\r\n", server.password);
        stream.write_all(words.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    tokio::time::timeout(ANSWER_WITHIN, talk).await.context("Redis is silent")?.context("Redis")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn redis_is_told_to_keep_everything_and_to_listen_to_this_machine_only() {
        let home = PathBuf::from("/data/with space/redis");
        let server = Server { home, port: 6_400, password: "secret".into(), process: None };
        let text = settings(&server);
        for line in [
            "bind 127.0.0.1",
            "appendonly yes",
            "maxmemory-policy noeviction",
            "requirepass secret",
            "dir \"/data/with space/redis\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
