//! What an attempt does about its account's grant: counts refusals, has it renewed, goes on.

use crate::attempt::Attempt;
use crate::keeping::{self, lost};
use crate::keys::Purpose;
use crate::refresh::{Renewal, renew};
use crate::{grants, registrations, show};
use base::Fault;
use domain::decision::{AUTH_REST, History, REFRESH_EVERY, patience_ends};
use domain::delivery::Status;
use domain::failure::{Failure, Scope};
use domain::outage::{State, state};
use domain::standing::{Change, Wake, reconnect};
use domain::time::Timestamp;
use queue::Outcome;
use std::time::Duration;
use store::refusals::{Kind, Whose};
use store::settles::Settle;

/// What is known of a grant for the decision about a refusal.
struct Known {
    refreshed_at: Timestamp,
    refused_since: Timestamp,
    token_was_stale: bool,
    platform: State,
}

impl Attempt<'_> {
    /// What went before, for the decision.
    pub async fn history(&self, failure: &Failure) -> Result<History, Fault> {
        let known = match failure {
            Failure::Auth { .. } => self.known(failure).await?,
            _ => Known {
                refreshed_at: self.row.credential.refreshed_at,
                refused_since: self.now(),
                token_was_stale: false,
                platform: State::InOrder,
            },
        };
        Ok(History {
            attempts: u32::try_from(self.row.attempts).unwrap_or(0) + 1,
            due_at: self.row.due_at,
            not_after: self.row.not_after,
            has_doubt: self.row.has_doubt,
            refreshed_at: known.refreshed_at,
            refused_since: known.refused_since,
            platform: known.platform,
            token_was_stale: known.token_was_stale,
            auth_refusals: u32::try_from(self.row.auth_refusals).unwrap_or(0),
            // We saw the call end, so nobody has to wait for its deadline; the platform gets a
            // moment to show what it took.
            ask_at: self.now() + Duration::from_secs(1),
            chance: base::rng::chance(),
        })
    }

    /// Writes a refusal down, unless the grant is another one by now.
    async fn known(&self, failure: &Failure) -> Result<Known, Fault> {
        let (account, now) = (self.row.account, self.now());
        let stored = self.app.0.store.credential(account).await?;
        // Where nothing newer can be had, what is refused counts as fresh.
        let refreshed_at = if self.can_renew().await? { stored.refreshed_at } else { now };
        if stored.version != self.row.credential.version {
            let (token_was_stale, platform) = (true, State::InOrder);
            return Ok(Known { refreshed_at, refused_since: now, token_was_stale, platform });
        }
        let whose = Whose { account, platform: &self.row.platform };
        let is_fresh = now.since(refreshed_at) <= REFRESH_EVERY;
        let kind = Kind::Call { version: stored.version, is_fresh };
        let reason = base::text::clean(failure.detail());
        let known = self.app.0.store.count_refusal(whose, kind, &reason).await?;
        Ok(Known {
            refreshed_at,
            refused_since: known.refused_since.unwrap_or(now),
            token_was_stale: false,
            platform: state(known.census),
        })
    }

    /// The platform gave means to renew this grant.
    async fn can_renew(&self) -> Result<bool, Fault> {
        let (row, way) = (&self.row, (self.row.platform.as_str(), self.row.app.as_str()));
        let own = row.own_app_key.as_deref();
        let registration = registrations::of(self.app, row.tenant, way, own).await?;
        let auth = self.adapter.auth();
        Ok(registration.is_some_and(|app| auth.refresh(&app, &self.grant).is_some()))
    }

    /// Marks the account as needing its owner and fails the delivery with it.
    pub async fn disconnect(
        &mut self,
        settle: Settle,
        failure: &Failure,
    ) -> Result<Option<Outcome>, Fault> {
        let account = self.app.0.store.account(self.row.account).await?;
        let version = self.row.credential.version;
        if lost(self.app, &account, version, failure.detail()).await? {
            return self.fail_lost(settle, failure).await;
        }
        // Somebody has connected it meanwhile: with the new grant it is another story.
        let change = self.standing().change(Status::Ready, Wake::Publish(None));
        self.end(Settle { change, failure: None, gate: None, ..settle }).await.map(Some)
    }

    /// Fails the delivery in the words that every post of a lost account is failed in.
    async fn fail_lost(
        &mut self,
        settle: Settle,
        failure: &Failure,
    ) -> Result<Option<Outcome>, Fault> {
        let detail = reconnect(&self.row.handle, failure.detail());
        self.fail(settle, &Failure::Auth { revoked: true, detail }, "validating").await
    }

    /// Renews a grant that is about to end. Where that cannot be had now, the old one serves until
    /// it ends. `None` when the lease goes on.
    pub async fn renew_ending(&mut self) -> Result<Option<Outcome>, Fault> {
        let renewal = self.renewal().await?;
        let serves = self.grant.expires_at > self.now();
        match renewal {
            Renewal::Later { .. } | Renewal::NoMeans(_) if serves => Ok(None),
            renewal => self.go_on(renewal).await,
        }
    }

    /// Renews a grant that was refused. `None` when the lease goes on.
    pub async fn renew_refused(&mut self) -> Result<Option<Outcome>, Fault> {
        let renewal = self.renewal().await?;
        self.go_on(renewal).await
    }

    /// Renews the grant that this attempt has.
    pub async fn renewal(&mut self) -> Result<Renewal, Fault> {
        let seen = self.row.credential.version;
        let account = self.app.0.store.account(self.row.account).await?;
        let renewal = renew(self.app, account, seen).await?;
        self.log.add_renewal(self.now(), &renewal);
        Ok(renewal)
    }

    async fn go_on(&mut self, renewal: Renewal) -> Result<Option<Outcome>, Fault> {
        match renewal {
            Renewal::Done => self.reload_grant().await.map(|()| None),
            Renewal::Later { at, failure } => self.wait_for_grant(at, failure).await,
            Renewal::NoMeans(failure) => {
                let settle = self.settle(self.standing().failed());
                self.disconnect(settle, &failure).await
            }
            Renewal::Dead(failure) => {
                let settle = self.settle(self.standing().failed());
                self.fail_lost(settle, &failure).await
            }
        }
    }

    /// Nothing can go out before `at`; the other posts of the account need not find that out.
    async fn wait_for_grant(
        &mut self,
        at: Timestamp,
        failure: Option<Failure>,
    ) -> Result<Option<Outcome>, Fault> {
        let detail = "its account's token could not be renewed in time".to_owned();
        if at > patience_ends(self.row.not_after, self.row.due_at) {
            let failure = failure.unwrap_or(Failure::Transient { detail });
            let settle = self.settle(self.standing().failed());
            return self.fail(settle, &failure, "publishing").await;
        }
        let change = self.standing().change(Status::Ready, Wake::Publish(Some(at)));
        let is_refused = matches!(failure, Some(Failure::Auth { .. }));
        let closing =
            (is_refused && at <= self.now() + AUTH_REST[1]).then_some((Scope::Account, at));
        let mut settle = self.settle(Change { closing, ..change });
        if let (Some(failure), Some((scope, until))) = (&failure, closing) {
            settle.gate = Some(self.closing(scope, until, failure));
        }
        settle.failure = failure.as_ref().map(show::failure);
        match is_refused {
            true => self.end_unless_lost(settle).await.map(Some),
            false => self.end(settle).await.map(Some),
        }
    }

    /// Ends the lease of a post that begins to wait because its grant was refused. Where the
    /// account was lost while that was written, a newer wake-up says so to the post.
    pub async fn end_unless_lost(&mut self, settle: Settle) -> Result<Outcome, Fault> {
        let outcome = self.end(settle).await?;
        let of = self.address();
        let lost = self.app.0.store.wake_lost(of.account, &keeping::gate(&of)).await?;
        let Some(woken) = lost else { return Ok(outcome) };
        keeping::wake(self.app, &of, woken).await;
        Ok(Outcome::Done)
    }

    /// Takes up the grant that is stored now.
    pub async fn reload_grant(&mut self) -> Result<(), Fault> {
        self.row.credential = self.app.0.store.credential(self.row.account).await?;
        let row = &self.row;
        let of = (row.tenant, row.platform.as_str());
        let opened = grants::open(self.app, Purpose::of(self.kind), of, &row.credential).await?;
        // Its account is marked: whoever takes the job next ends it.
        self.grant = opened.map_err(|failure| Fault::new(failure.detail()))?;
        Ok(())
    }
}
