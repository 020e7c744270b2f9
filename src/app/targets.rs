//! Names of queues, lanes, groups and gates: where a delivery's wake-ups go.

use domain::failure::Scope;
use domain::id::{AccountId, TenantId};
use domain::time::Timestamp;
use store::jobs::{Arm, JobKind};

/// The queue that publishes on a platform.
pub fn publish_queue(platform: &str) -> String {
    format!("publish:{platform}")
}

/// The queue of a kind of job that is shared by the platforms.
pub const RECONCILE: &str = "reconcile";
/// The queue of looks at what is out.
pub const FOLLOW: &str = "follow";
/// The queue of looks at what is due soon.
pub const PREFLIGHT: &str = "preflight";
/// The queue of what is done with posts that are out.
pub const REPOST: &str = "repost";
/// The queue of copies of posts that are out.
pub const REPUBLISH: &str = "republish";
/// The queue of fan-outs.
pub const FAN_OUT: &str = "fan_out";
/// The queue of words about posts that wait for a person.
pub const WAITING: &str = "waiting";
/// The queue of looks at files that may be needed no more.
pub const MEDIA: &str = "media";
/// The queue of token refreshes.
pub const REFRESH: &str = "refresh";

/// An account as queues and gates know it.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// On which platform.
    pub platform: &'a str,
    /// Through which registration, as queues and gates call it: a tenant's own has another key
    /// than the installation's.
    pub app: &'a str,
    /// Which account.
    pub account: AccountId,
}

/// The key of a tenant's own registration: what it uses up and whom it holds is the tenant's alone.
pub(crate) fn own_app_key(tenant: TenantId, app: &str) -> String {
    format!("{app}@{}", tenant.uuid().simple())
}

impl Address<'_> {
    /// Jobs of one account run one after the other.
    pub fn lane(&self) -> String {
        format!("{}:{}:{}", self.platform, self.app, self.account.uuid())
    }

    /// Tenants share a platform app fairly.
    pub fn group(&self) -> String {
        format!("{}:{}", self.tenant.uuid(), self.app_key())
    }

    /// What decides the shard.
    pub fn app_key(&self) -> String {
        format!("{}:{}", self.platform, self.app)
    }

    /// The gate of a scope.
    pub fn gate(&self, scope: Scope) -> String {
        match scope {
            Scope::Account => format!("account:{}", self.lane()),
            Scope::App => format!("app:{}", self.app_key()),
            Scope::Platform => platform_gate(self.platform),
        }
    }

    /// The key under which calls of an endpoint are counted.
    pub fn window(&self, scope: Scope, endpoint: &str, window_s: u64) -> String {
        format!("{}:{endpoint}:{window_s}", self.gate(scope))
    }
}

/// Whom a window of [`Address::window`] counts, and on which platform; `None` of one that an
/// account's owner has set.
pub(crate) fn window_of(key: &str) -> Option<(Scope, &str)> {
    let mut words = key.split(':');
    let (scope, platform) = (words.next()?, words.next()?);
    let scope = Scope::ALL.into_iter().find(|one| one.as_str() == scope)?;
    Some((scope, platform))
}

/// The gate of a whole platform.
pub fn platform_gate(platform: &str) -> String {
    format!("platform:{platform}")
}

/// The wake-up for the renewal of an account's grant. Its group and lane are not those of its
/// posts: whoever waits for a limit, perhaps until tomorrow, has a token that serves when it opens.
pub fn refresh(of: &Address<'_>, shard: i16, due_at: Timestamp) -> Arm {
    Arm {
        kind: JobKind::Refresh,
        queue: REFRESH.to_owned(),
        subject: of.account.uuid(),
        shard,
        group: format!("{}:{REFRESH}:{}", of.tenant.uuid(), of.app_key()),
        lane: format!("{REFRESH}:{}", of.account.uuid()),
        due_at: Some(due_at),
    }
}

/// The wake-up of a post's fan-out: at once, one at a time per tenant and post.
pub fn fan_out(tenant: TenantId, post: uuid::Uuid, shard: i16) -> Arm {
    Arm {
        kind: JobKind::FanOut,
        queue: FAN_OUT.to_owned(),
        subject: post,
        shard,
        group: tenant.uuid().to_string(),
        // Fan-outs of one tenant need no order; a lane of their own lets them run side by side.
        lane: format!("post-{}", post.as_u128() % 16),
        due_at: None,
    }
}

/// The wake-up for the next copy of a post.
pub fn republish(tenant: TenantId, post: uuid::Uuid, shard: i16, due_at: Timestamp) -> Arm {
    let fan_out = fan_out(tenant, post, shard);
    let queue = REPUBLISH.to_owned();
    Arm { kind: JobKind::Republish, queue, due_at: Some(due_at), ..fan_out }
}

/// The wake-up for the word to whoever holds a post past its time.
pub fn waiting(tenant: TenantId, post: uuid::Uuid, shard: i16, due_at: Timestamp) -> Arm {
    let fan_out = fan_out(tenant, post, shard);
    let queue = WAITING.to_owned();
    Arm { kind: JobKind::Waiting, queue, due_at: Some(due_at), ..fan_out }
}

/// The wake-up for a look at a file, or at an upload that was begun.
pub fn media(tenant: TenantId, file: uuid::Uuid, shard: i16, due_at: Timestamp) -> Arm {
    let fan_out = fan_out(tenant, file, shard);
    let queue = MEDIA.to_owned();
    Arm { kind: JobKind::Media, queue, due_at: Some(due_at), ..fan_out }
}
