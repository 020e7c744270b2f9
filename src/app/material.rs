//! What an adapter may look at of a delivery: its content, its files, the account it goes out on.
//!
//! Invariant: no grant and no checkpoint is in here.

use crate::{App, origin};
use base::{Context, Fault};
use domain::capability;
use domain::content::{AssetFacts, Content};
use domain::time::Timestamp;
use platforms::{AccountFacts, Adapter, Operation, View};
use store::deliveries::Loaded;

/// Whether the files of a post are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// They are.
    Needed,
    /// They are not, and may be gone.
    Unneeded,
}

/// The material of a delivery.
pub(crate) struct Material {
    pub content: Content,
    pub facts: AccountFacts,
    pub assets: Vec<AssetFacts>,
    /// Links to the files, where the platform fetches them.
    asset_urls: Vec<String>,
    /// The account's newest posts through us, once a look-up asked for them.
    pub known: Vec<String>,
}

impl Material {
    /// Gathers what was stored of a delivery.
    pub async fn gather(
        app: &App,
        row: &Loaded,
        adapter: &dyn Adapter,
        (content, files): (Content, Files),
    ) -> Result<Self, Fault> {
        let mut assets = Vec::new();
        let named = match files {
            Files::Needed => capability::assets_named(&content),
            Files::Unneeded => Vec::new(),
        };
        let stored = app.0.store.assets(row.tenant, &named).await?;
        for id in named {
            assets.push(stored.get(&id).cloned().context("an asset is gone")?);
        }
        let facts = AccountFacts {
            remote_id: row.remote_id.clone(),
            handle: row.handle.clone(),
            kind: row.kind.clone(),
        };
        let asset_urls = match adapter.pulls_media() {
            true => origin::links(app, row.tenant, assets.iter().map(|a| a.id), row.now).await?,
            false => Vec::new(),
        };
        Ok(Self { content, facts, assets, asset_urls, known: Vec::new() })
    }

    /// The view of an adapter that publishes.
    pub fn view<'a>(&'a self, row: &'a Loaded, now: Timestamp) -> View<'a> {
        View {
            content: &self.content,
            account: &self.facts,
            app: &row.app,
            assets: &self.assets,
            asset_urls: &self.asset_urls,
            operation: Operation::Publish,
            ended: None,
            receipt: None,
            known: &self.known,
            intended_at: row.intended_at,
            now,
        }
    }
}
