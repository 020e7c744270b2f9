//! `postfleet tenants`: erases a tenant with all it has, and says how far that is.

use crate::commands::installation::Installation;
use crate::commands::keys as ring;
use crate::say::say;
use app::erase::{self, ErasureView};
use base::{Context, Fault};
use std::process::ExitCode;

/// What `postfleet tenants` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    order: Order,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Erases a tenant: its keys end at once; workers take back its posts, revoke its grants and
    /// delete its files and rows. Once more shows how far that is.
    Erase {
        /// The tenant's name.
        name: String,
        /// The name once more: what is erased does not come back.
        #[arg(long, value_name = "NAME")]
        confirm: String,
    },
    /// Shows how far an erasure is.
    Erasure {
        /// Its id, as `erase` has told it.
        id: String,
    },
}

/// Does what was asked and prints what came of it.
///
/// # Errors
/// The database or the key ring fails.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = arguments.installation.begin()?;
    let keys = ring::open(&config).await?;
    let (found, what) = match &arguments.order {
        Order::Erase { name, confirm } if name != confirm => {
            return Err(Fault::new(format_args!(
                "--confirm says {confirm:?}; say {name:?} there to erase that tenant"
            )));
        }
        Order::Erase { name, .. } => (erase::tenant(&keys, name).await?, name),
        Order::Erasure { id } => {
            let id_read = id.parse().ok().context("an erasure's id begins with ers_")?;
            (erase::look(&keys, id_read).await?, id)
        }
    };
    let Some(erasure) = found else {
        return Err(Fault::new(format_args!("there is no {what:?}; it may have been erased")));
    };
    match arguments.json {
        true => say(serde_json::to_string_pretty(&erasure).unwrap_or_default()),
        false => say(line(&erasure)),
    }
    Ok(ExitCode::SUCCESS)
}

fn line(erasure: &ErasureView) -> String {
    let waits = erasure.waits_for.as_ref().map(|what| format!(" {what}")).unwrap_or_default();
    format!(
        "{} {}: {} posts, {} accounts and {} files are erased.{waits}",
        erasure.id, erasure.status, erasure.posts, erasure.accounts, erasure.files
    )
}
