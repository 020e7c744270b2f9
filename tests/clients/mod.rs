//! The platforms' own client libraries, unchanged but for their base URL, publish on the
//! simulators; and the examples of producers add to an inbox.
//!
//! The platforms' libraries are Python's, in an environment below the target folder that outlives a run.
//! Where it cannot be made, the tests say so and prove nothing.

mod contract;
mod linkedin;
mod producers;
mod webhooks;
mod x;
mod youtube;

use crate::support::{Alone, say};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// An environment with the client libraries.
pub struct Python(PathBuf);

impl Python {
    /// The one that all tests share; `None`, with a loud word, where it cannot be had.
    pub fn find() -> Option<Self> {
        Self::with("clients", REQUIREMENTS)
    }

    /// The one of this name, with all that is required.
    fn with(name: &str, requirements: &str) -> Option<Self> {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&home).unwrap();
        // Whoever comes first makes it, in this process or another; the rest wait for him.
        let turn = File::create(home.join("turn")).unwrap();
        turn.lock().unwrap();
        let made = prepare(&home, requirements);
        turn.unlock().unwrap();
        match made {
            Ok(python) => Some(Self(python)),
            Err(why) => {
                say(format!("SKIPPED, the Python libraries of {name} cannot be had: {why}"));
                None
            }
        }
    }

    /// The interpreter.
    pub fn program(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Runs one of the programs beside this file, and reads what it prints.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.0);
        command.arg(Path::new(HOME).join(program)).args(arguments).stdin(Stdio::null());
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {told}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Makes the environment, unless it is there with all that is asked for.
fn prepare(home: &Path, requirements: &str) -> Result<PathBuf, String> {
    let (venv, wheels) = (home.join("venv"), home.join("wheels"));
    let (python, made) = (venv.join("bin/python"), home.join("made"));
    if fs::read_to_string(&made).is_ok_and(|made| made == requirements) {
        return Ok(python);
    }
    let _ = fs::remove_file(&made);
    let _ = fs::remove_dir_all(&venv);
    fs::create_dir_all(&wheels).map_err(|error| error.to_string())?;
    let wanted = home.join("requirements.txt");
    fs::write(&wanted, requirements).map_err(|error| error.to_string())?;
    done(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let pip = |verb: &str| {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", verb, "--no-deps"]);
        pip.arg("--requirement").arg(&wanted).arg("--find-links").arg(&wheels);
        pip
    };
    // What was brought once is not asked for again.
    done(pip("download").arg("--dest").arg(&wheels))?;
    done(pip("install").arg("--no-index"))?;
    done(Command::new(&python).args(["-m", "pip", "check"]))?;
    fs::write(&made, requirements).map_err(|error| error.to_string())?;
    Ok(python)
}

fn done(command: &mut Command) -> Result<(), String> {
    let name = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    match output.map_err(|error| format!("{name}: {error}"))? {
        Output { status, .. } if status.success() => Ok(()),
        Output { stderr, .. } => Err(format!("{name}: {}", String::from_utf8_lossy(&stderr))),
    }
}

/// Is a program there, and does it say so?
fn find_program(name: &str, arguments: &[&str]) -> Result<(), String> {
    done(Command::new(name).args(arguments))
}

/// A file for a program to send.
fn file(sim: &Alone, name: &str, content: &[u8]) -> String {
    let path = sim.root.join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The member of a grant.
fn told<'a>(grant: &'a Value, name: &str) -> &'a str {
    grant[name].as_str().unwrap_or_else(|| panic!("no {name} in {grant}"))
}
