//! Worker processes beside a fleet: the real executable in its role, to be stopped at will.

use super::fleet::{Fleet, program};
use platforms::sim::CLIENT_SECRET;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

/// A `postfleet work` on the servers of a fleet, ended on drop.
pub struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts one, in all roles; the name is that of its log.
    pub fn start(fleet: &Fleet, name: &str) -> Self {
        let file = fleet.root.join(format!("{name}.toml"));
        fs::write(&file, settings(fleet)).unwrap();
        let log = fleet.root.join(format!("{name}.log"));
        let mut command = program();
        command.arg("work").arg("--config").arg(&file);
        command.envs(fleet.environment.iter().cloned()).stdin(Stdio::null());
        let output = File::create(&log).unwrap();
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

/// The configuration that `postfleet dev` makes for itself.
fn settings(fleet: &Fleet) -> String {
    let (place, data) = (fleet.place(), fleet.data());
    let data = data.display();
    let mut text = format!(
        "store.url = \"{}\"\nqueue.url = \"{}\"\nvault.key_file = \"{data}/key\"\n\
         server.public_url = \"{}\"\nmedia.dir = \"{data}/media\"\n",
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
