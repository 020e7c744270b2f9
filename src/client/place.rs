//! Where a fleet is, and the key to it.

use crate::error::Error;
use serde::Deserialize;
use std::path::Path;

const DEVELOPMENT: &str = ".postfleet/dev.json";

/// Where a fleet is, and the key to it. It has no `Debug`: the key is a secret.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The base URL of the API.
    pub api_url: String,
    /// The API key.
    pub api_key: String,
    /// Where the simulated platforms are, in development.
    pub sim_url: Option<String>,
}

impl Place {
    /// The place that `POSTFLEET_URL` and `POSTFLEET_API_KEY` name, else the one that a
    /// `postfleet dev` in this directory wrote down. `POSTFLEET_SIM_URL` adds where simulated
    /// platforms are.
    ///
    /// # Errors
    /// [`Error::Nowhere`] when neither says where, [`Error::Half`] when one variable is missing.
    pub fn find() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (variable("POSTFLEET_URL"), variable("POSTFLEET_API_KEY")) {
            (Some(api_url), Some(api_key)) => {
                Ok(Self { api_url, api_key, sim_url: variable("POSTFLEET_SIM_URL") })
            }
            (None, None) => Self::read(Path::new(DEVELOPMENT)),
            // A key is never sent to an address that it was not given out for.
            (Some(_), None) => Err(Error::Half { missing: "POSTFLEET_API_KEY" }),
            (None, Some(_)) => Err(Error::Half { missing: "POSTFLEET_URL" }),
        }
    }

    /// The place that a `postfleet dev` wrote into this file.
    ///
    /// # Errors
    /// [`Error::Nowhere`] when there is no such file.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let nowhere = |why: String| Error::Nowhere { file: file.display().to_string(), why };
        let text = std::fs::read(file).map_err(|error| nowhere(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| nowhere(error.to_string()))
    }
}
