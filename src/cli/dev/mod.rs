//! A private Postgres and Redis in a data directory, for `postfleet dev`, tests and benches.
//!
//! Whatever a killed run left behind is adopted, never started a second time: programs are found
//! again by the pid, start time and working directory that `/proc` shows. So this is for Linux.
//!
//! Invariant: names nothing of the rest of the executable, so that the tests can include it.

pub mod ports;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod redis;
pub mod state;

use base::{Context, Fault};
use state::State;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The private servers of one data directory, running, and locked against a second user.
pub struct Private {
    /// The database, with its password.
    pub postgres_url: String,
    /// The Redis, with its password.
    pub redis_url: String,
    /// What is kept between runs; write it with [`Private::save`].
    pub state: State,
    data: PathBuf,
    programs: programs::Programs,
    _lock: File,
}

/// Starts both servers in `data`, or adopts those that a killed run left there.
///
/// # Errors
/// A [`programs::Missing`] or a [`state::Occupied`] can be found in the fault.
pub async fn start(data: &Path) -> Result<Private, Fault> {
    let programs = programs::find()?;
    let data = state::prepare(data)?;
    let lock = state::lock(&data)?;
    let state = State::load(&data)?;
    let mut private = Private {
        postgres_url: String::new(),
        redis_url: String::new(),
        state,
        data,
        programs,
        _lock: lock,
    };
    match private.bring_up().await {
        Ok(()) => Ok(private),
        Err(fault) => {
            // What did come up is not left behind; the fault is what counts.
            let _ = private.stop().await;
            Err(fault)
        }
    }
}

impl Private {
    /// The data directory, absolute.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where the database's files are: outside the data directory when we run as root.
    pub fn postgres_home(&self) -> &Path {
        &self.state.postgres.home
    }

    /// Starts again what is not running. Costs two looks into `/proc` when all is well.
    ///
    /// # Errors
    /// A server does not come up.
    pub async fn heal(&mut self) -> Result<(), Fault> {
        let postgres = postgres::is_running(&self.state.postgres);
        let redis = redis::is_running(&self.state.redis);
        if postgres && redis { Ok(()) } else { self.bring_up().await }
    }

    /// Adopts or starts both servers, and waits until they answer.
    async fn bring_up(&mut self) -> Result<(), Fault> {
        postgres::start(&self.programs, &self.data, &mut self.state).await?;
        redis::start(&self.programs, &self.data, &mut self.state).await?;
        self.postgres_url = postgres::url(&self.state.postgres);
        self.redis_url = redis::url(&self.state.redis);
        Ok(())
    }

    /// Writes the state down.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self) -> Result<(), Fault> {
        self.state.save(&self.data)
    }

    /// Stops Redis, then Postgres, both cleanly. Their data stay.
    ///
    /// # Errors
    /// A server does not end; the other one is stopped nevertheless.
    pub async fn stop(&mut self) -> Result<(), Fault> {
        let redis = redis::stop(&mut self.state.redis).await;
        let postgres = postgres::stop(&self.programs, &mut self.state.postgres).await;
        self.save()?;
        redis?;
        postgres
    }

    /// Stops both and removes everything that was ever written, the data directory included.
    ///
    /// # Errors
    /// A server does not end, or the disk refuses.
    pub async fn remove(mut self) -> Result<(), Fault> {
        self.stop().await?;
        for folder in [&self.state.postgres.home, &self.data] {
            if folder.exists() {
                std::fs::remove_dir_all(folder)
                    .with(|| format!("removing {}", folder.display()))?;
            }
        }
        Ok(())
    }
}

/// Adds words to an error that are only made when there is one.
trait With<T> {
    fn with(self, doing: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T> With<T> for std::io::Result<T> {
    fn with(self, doing: impl FnOnce() -> String) -> Result<T, Fault> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(error).context(doing()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn servers_left_by_a_killed_run_are_adopted_and_a_second_run_is_refused() {
        let folder = std::env::temp_dir().join(format!("postfleet-dev-{}", base::rng::uuid()));
        let first = start(&folder).await.unwrap();
        let second = start(&folder).await.err().unwrap();
        assert!(second.find::<state::Occupied>().is_some(), "{second}");

        let (postgres, redis) = (first.state.postgres.process, first.state.redis.process);
        // Dropping frees the lock as the kernel does for a killed process; the servers live on.
        drop(first);
        let mut again = start(&folder).await.unwrap();
        assert_eq!(again.state.postgres.process, postgres);
        assert_eq!(again.state.redis.process, redis);

        again.stop().await.unwrap();
        assert!(!postgres::is_running(&again.state.postgres));
        again.heal().await.unwrap();
        assert_ne!(again.state.postgres.process, postgres);
        again.remove().await.unwrap();
        assert!(!folder.exists());
    }
}
