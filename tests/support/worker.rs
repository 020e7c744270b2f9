//! Further processes beside a fleet: the real executable in a role, to be stopped at will.

use super::fleet::{Fleet, Place, free_port, program, program_at};
use platforms::sim::CLIENT_SECRET;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process on the servers of a fleet, ended on drop.
pub struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts a worker in all roles; the name is that of its log.
    pub fn start(fleet: &Fleet, name: &str) -> Self {
        Self::start_as(fleet, name, &["work"], &[])
    }

    /// Starts another front door of the fleet, on a port of its own: the process, and where it is.
    pub fn serve(fleet: &Fleet, name: &str, environment: &[(&str, &str)]) -> (Self, Place) {
        let [public, private] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let place = Place { api_url: format!("http://{public}"), ..fleet.place().clone() };
        let listen = [
            ("POSTFLEET__SERVER__LISTEN", public.as_str()),
            ("POSTFLEET__SERVER__PRIVATE_LISTEN", private.as_str()),
        ];
        let environment = [&listen, environment].concat();
        (Self::start_as(fleet, name, &["serve"], &environment), place)
    }

    /// Starts a worker of another version.
    pub fn start_of(executable: &Path, fleet: &Fleet, name: &str) -> Self {
        Self::spawn(program_at(executable), fleet, name, (&["work"], &[]))
    }

    /// Starts a role with these arguments and further environment. A process that replaces a dead
    /// one of the same name writes on in its log.
    pub fn start_as(
        fleet: &Fleet,
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        Self::spawn(program(), fleet, name, (arguments, environment))
    }

    fn spawn(
        mut command: Command,
        fleet: &Fleet,
        name: &str,
        (arguments, environment): (&[&str], &[(&str, &str)]),
    ) -> Self {
        let file = configuration(fleet, name);
        let log = fleet.root.join(format!("{name}.log"));
        command.args(arguments).arg("--config").arg(&file).stdin(Stdio::null());
        command.envs(fleet.environment.iter().cloned()).envs(environment.iter().copied());
        let output = File::options().create(true).append(true).open(&log).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap();
        fleet.guard(&child);
        Self { child, log }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of {}:\n{}", self.log.display(), self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file with the configuration of a fleet, for commands that a person runs beside it.
pub fn configuration(fleet: &Fleet, name: &str) -> PathBuf {
    let file = fleet.root.join(format!("{name}.toml"));
    fs::write(&file, settings(fleet)).unwrap();
    file
}

/// The configuration that `postfleet dev` makes for itself.
fn settings(fleet: &Fleet) -> String {
    let (place, data) = (fleet.place(), fleet.data());
    let data = data.display();
    let mut text = format!(
        "store.url = \"{}\"\nqueue.url = \"{}\"\nvault.key_file = \"{data}/key\"\n\
         server.public_url = \"{}\"\nmedia.dir = \"{data}/media\"\n\
         outbound.allow = [\"127.0.0.0/8\"]\n",
        place.postgres_url, place.redis_url, place.api_url,
    );
    for platform in platforms::ALL {
        let (name, Some(adapter)) = (platform.name(), platform.adapter()) else { continue };
        text += &format!("[platforms.{name}]\nurl = \"{}/{name}\"\n", place.sim_url);
        for app in adapter.auth().apps() {
            text += &format!(
                "apps.{app} = {{ client_id = \"postfleet-dev-{app}\", \
                 client_secret = \"{CLIENT_SECRET}\" }}\n"
            );
        }
    }
    text
}
