//! The traits that an adapter folder implements and the values that cross them.

use crate::grant::Grant;
use crate::sim::Simulator;
use crate::times;
use domain::capability::{Capabilities, Profile};
use domain::content::{AssetFacts, Content};
use domain::failure::{Effect, Failure};
use domain::limit::{Limit, Told};
use domain::rejection::Rejection;
use domain::renewal::Rule;
use domain::repost;
use domain::request::Draft;
use domain::secret::Secret;
use domain::time::Timestamp;
use domain::zone::Zone;
use http::{HeaderMap, Request, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// A platform: its rules, and its adapter where there is one.
pub trait Platform: Send + Sync {
    /// The name in the API, in SQL, in metrics and in the configuration.
    fn name(&self) -> &'static str;
    /// What it takes from accounts of this kind ([`AccountFacts::kind`]).
    fn capabilities(&self, profile: Profile, account_kind: &str) -> &'static Capabilities;
    /// The kinds of accounts there are ([`AccountFacts::kind`]).
    fn account_kinds(&self) -> &'static [&'static str];
    /// The kind assumed of an account when none is connected, for previews.
    fn default_account_kind(&self, draft: &Draft) -> &'static str;
    /// The post as this platform will carry it. What is wrong with its options, or not in the
    /// profile, goes to `problems`. The wider profile reads what the narrower one takes alike.
    fn content(&self, profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content;
    /// What a post may say to it alone, in the wider profile: JSON Schemas by field, as the API's
    /// document has them beside `text` and `media`.
    fn written(&self) -> Value;
    /// The dialect, once it is spoken.
    fn adapter(&self) -> Option<&'static dyn Adapter>;
    /// A simulated platform with nobody on it, once there is one.
    fn simulator(&self) -> Option<Box<dyn Simulator>>;
}

/// A dialect: how to connect, publish, ask, and read refusals.
pub trait Adapter: Send + Sync {
    /// Connecting, signing, refreshing.
    fn auth(&self) -> &dyn Auth;
    /// Publishing, step by step.
    fn publish(&self) -> &dyn Publish;
    /// Finding out what became of a call.
    fn reconcile(&self) -> &dyn Reconcile;
    /// The limits the platform documents, by endpoint.
    fn limits(&self) -> &'static [Limit];
    /// How much a call of `endpoint` takes of a limit: the whole of most limits is so many calls
    /// of one endpoint, but some are shared units that calls cost different numbers of.
    fn cost_in(&self, limit: &Limit, endpoint: &str) -> u32 {
        u32::from(limit.endpoint == endpoint)
    }
    /// The zone whose calendar day a limit is counted by. Without one its window begins with its
    /// first call.
    fn day_in(&self, _limit: &Limit) -> Option<Zone> {
        None
    }
    /// The irreversible call by which the ledger tells how much of a limit was used.
    fn ledger_of(&self, limit: &Limit) -> &'static str {
        limit.endpoint
    }
    /// The irreversible calls that bring a post out: that of its first part, and that of every
    /// further part of a chain.
    fn publishing(&self) -> [&'static str; 2];
    /// The hosts that calls may go to; checked before a request is signed.
    fn hosts(&self) -> &'static [&'static str];
    /// How long a published post may stay invisible to a look-up.
    fn visibility_delay(&self) -> Duration;
    /// The platform fetches media by itself: [`View::asset_urls`] is filled.
    fn pulls_media(&self) -> bool;
    /// Checkpoints hold handles that are as good as a token, and are stored sealed.
    fn has_secret_checkpoints(&self) -> bool;
    /// The class of a reply that is not a success; `None` for a success.
    fn classify(&self, effect: Effect, reply: &Reply) -> Option<Failure>;
    /// What to count a refusal under when [`Adapter::classify`] had nothing but the status to go
    /// by: a few words of the platform's own, never text, ids or addresses.
    fn unmapped(&self, _effect: Effect, _reply: &Reply) -> Option<String> {
        None
    }
    /// What a reply to a call of `endpoint` tells of its limits; most platforms tell nothing.
    fn told(&self, _endpoint: &'static str, _reply: &Reply) -> Vec<Told> {
        Vec::new()
    }
    /// What can be asked of this platform; anything else is refused before it gets here.
    fn operations(&self) -> &'static [Operation] {
        &[Operation::Publish]
    }
    /// The version of its API that the platform's calls name, where they name one.
    fn versioned(&self) -> Option<&dyn Versioned> {
        None
    }
    /// What the platform charges for a call, in millionths of a US dollar; most charge nothing.
    /// Without a reply the call may have been taken, and the price is that of a success.
    fn cost_microdollars(&self, _call: &Call, _reply: Option<&Reply>) -> u64 {
        0
    }
    /// What it will come to that a content goes out, if nothing of it has to be done twice.
    fn price_microdollars(&self, _content: &Content) -> u64 {
        0
    }
}

/// A platform whose calls name the version of its API that they are written in. Versions end, and
/// an operator names a later one without a new build (`api_version` in the configuration).
pub trait Versioned: Send + Sync {
    /// The version that this adapter was written for, and names when nothing else is said.
    fn version(&self) -> &'static str;
    /// These words are a version in the platform's form.
    fn is_version(&self, words: &str) -> bool;
    /// The first instant at which a version may be gone, where its name tells.
    fn ends_at(&self, version: &str) -> Option<Timestamp>;
    /// Names `version` in a request, in the place of [`Versioned::version`].
    fn name_version(&self, version: &str, uri: &mut Uri, headers: &mut HeaderMap);
}

/// What a delivery is to do on its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Bring the post out.
    #[default]
    Publish,
    /// Take the post back, every part of it that is out.
    Delete,
    /// Show the post to the account's followers anew: an earlier repost is taken back first.
    Repost,
    /// Take the repost back; the post stays.
    Undo,
}

/// One part of a request body.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Bytes made by the adapter.
    Inline(Vec<u8>),
    /// A slice of a user's file, streamed by the courier.
    Asset {
        /// The position in [`View::assets`].
        asset: usize,
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
    },
}

/// The body of a request: its parts one after the other. Empty means no body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body(pub Vec<Part>);

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// A body made by the adapter.
    pub fn inline(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![Part::Inline(bytes.into())])
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        let part = |part: &Part| match part {
            Part::Inline(bytes) => bytes.len() as u64,
            Part::Asset { start, end, .. } => end.saturating_sub(*start),
        };
        self.0.iter().map(part).sum()
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One HTTP request, not yet signed.
#[derive(Clone)]
pub struct Call {
    /// The name that limits, metrics and the ledger know it by, as `tweets.create`.
    pub endpoint: &'static str,
    /// May it be sent twice?
    pub effect: Effect,
    /// Where to and what; the URI names the platform's real host.
    pub request: Request<Body>,
    /// How long an answer may take.
    pub deadline: Duration,
}

/// The answer to a call, whole.
#[derive(Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, bounded by the courier.
    pub body: Vec<u8>,
    /// When it came, by the clock of the database.
    pub at: Timestamp,
}

impl Reply {
    /// The body as JSON, or `Null` where it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// When the platform answered, by its own clock: the `Date` header (RFC 9110, IMF-fixdate).
    pub fn date(&self) -> Option<Timestamp> {
        times::http_date(self.header("date")?)
    }

    /// The first instant at which to call again, by our clock: the `Retry-After` header. Platforms
    /// that document none may stand behind a proxy that sends one. What does not read tells
    /// nothing.
    pub fn retry_after(&self) -> Option<Timestamp> {
        times::retry_after(self)
    }

    /// An instant that the platform told by its own clock, by ours.
    pub fn by_our_clock(&self, told: Timestamp) -> Timestamp {
        times::by_our_clock(self, told)
    }
}

/// Where a delivery stands inside an adapter: JSON with a version, opaque outside its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub Value);

/// The platform's proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The platform's id of the post (of its first segment).
    pub remote_id: String,
    /// Where a person can see it.
    pub permalink: String,
}

/// What an adapter wants next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Carry this call.
    Call(Box<Call>),
    /// Come back at this instant; no slot is held meanwhile.
    Wait(Timestamp),
    /// It is out; of another [`Operation`] than publishing: it is done, and this was the post.
    Published(Receipt),
}

/// What an account is, as the platform told when it was connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct AccountFacts {
    /// The platform's id of the account.
    pub remote_id: String,
    /// The name a person knows it by, as `@acme`.
    pub handle: String,
    /// The kind that capabilities depend on, as `standard`, `premium`, `organization`.
    pub kind: String,
}

/// How many ids [`View::known`] holds at most.
pub const KNOWN_MAX: usize = 10;

/// Everything an adapter may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The post as this platform carries it.
    pub content: &'a Content,
    /// The account it goes out on.
    pub account: &'a AccountFacts,
    /// Which of our registrations it was connected through ([`App::name`]).
    pub app: &'a str,
    /// The files, in the order of [`domain::capability::assets_named`]: those of the segments
    /// first, then those that options name.
    pub assets: &'a [AssetFacts],
    /// Where the platform can fetch each of them for the next hours; empty unless the adapter
    /// says that it [`pulls`](Adapter::pulls_media).
    pub asset_urls: &'a [String],
    /// What is to be done.
    pub operation: Operation,
    /// Where publishing ended, when something else is to be done with the post.
    pub ended: Option<&'a Checkpoint>,
    /// The platform's id of the post then, also where a person stated it and no checkpoint knows.
    pub receipt: Option<&'a str>,
    /// The platform's ids of other posts of ours on this account, newest first and at most
    /// [`KNOWN_MAX`], none younger than the visibility delay; filled for a look-up.
    pub known: &'a [String],
    /// When the first irreversible call of this delivery was intended, once one was.
    pub intended_at: Option<Timestamp>,
    /// The present, by the clock of the database.
    pub now: Timestamp,
}

/// Publishing, step by step.
pub trait Publish: Send + Sync {
    /// The checkpoint of a delivery that nothing was done for.
    fn start(&self, view: &View<'_>) -> Checkpoint;
    /// This version understands the checkpoint. One that a later version wrote in a form of its own
    /// is left to that version; nothing else is asked about it here.
    fn reads(&self, at: &Checkpoint) -> bool;
    /// The next step from a checkpoint.
    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step;
    /// The checkpoint after a success. `Err` when a 2xx answer does not hold what it must.
    ///
    /// # Errors
    /// The failure that the reply amounts to.
    fn read(&self, at: &Checkpoint, reply: &Reply, view: &View<'_>) -> Result<Checkpoint, Failure>;
    /// The checkpoint to go on from after `why`; also called where no reply came. When the post
    /// is out already, [`Publish::next`] of it is [`Step::Published`], whatever failed after.
    fn recover(&self, at: &Checkpoint, why: &Failure, view: &View<'_>) -> Checkpoint;
    /// Whatever was made ready of the post by this checkpoint (uploads, containers) is still there
    /// at `until`. Where it is not, a post that is moved is made ready anew.
    fn outlives(&self, _at: &Checkpoint, _until: Timestamp) -> bool {
        false
    }
    /// The post is out by this checkpoint, whatever is still to be done for it. Where that fails,
    /// [`Publish::recover`] goes past it, and no decision is made about the post.
    fn is_out(&self, _at: &Checkpoint) -> bool {
        false
    }
    /// What its user should know of a post that is out: what did not go as asked, in sentences
    /// without a full stop.
    fn warnings(&self, _at: &Checkpoint) -> Vec<String> {
        Vec::new()
    }
    /// The question what the platform has made of a post that is out by this checkpoint, where it
    /// goes on working on one; most do not.
    fn follow(&self, _at: &Checkpoint) -> Option<Call> {
        None
    }
    /// What a successful answer to [`Publish::follow`] shows.
    fn followed(&self, _at: &Checkpoint, _reply: &Reply, _view: &View<'_>) -> Followed {
        Followed::Working
    }
    /// The segments that are out by this checkpoint, in order, on the account of this handle; none
    /// where a post has only one.
    fn segments(&self, _at: &Checkpoint, _handle: &str) -> Vec<Receipt> {
        Vec::new()
    }
    /// The rule by which the post is reposted once it is out, where its options hold one.
    fn reposts(&self, _content: &Content) -> Option<repost::Rule> {
        None
    }
    /// Of another operation than publishing: it failed so because the post is not there any more,
    /// or not as it was, so that it will never be done.
    fn stops(&self, _at: &Checkpoint, _why: &Failure) -> Option<repost::End> {
        None
    }
    /// What a successful reply tells of the account, where it tells anything; what differs from
    /// [`View::account`] is stored. Most replies tell nothing.
    fn learned(&self, _at: &Checkpoint, _reply: &Reply) -> Option<AccountFacts> {
        None
    }
}

/// How far the platform is with a post that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// It is still at work.
    Working,
    /// It has done all it will do, and this is what its user should know, in sentences without a
    /// full stop; nothing when all went well.
    Over(Vec<String>),
}

/// What asking the platform showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It happened: go on from this checkpoint, which holds the found id.
    Found {
        /// The checkpoint as if the reply had come.
        checkpoint: Checkpoint,
        /// The platform's id that was found.
        remote_id: String,
    },
    /// It did not: go on from this checkpoint.
    Absent(Checkpoint),
    /// More has to be asked: with this checkpoint, in the next round.
    More(Checkpoint),
    /// What was shown is not the present: something that exists is missing in it. It proves
    /// nothing, and is asked for again later.
    Stale(String),
    /// It cannot be told.
    Undecided(String),
}

/// Finding out what became of an irreversible call, by read-only calls.
pub trait Reconcile: Send + Sync {
    /// The question of this round (from 0), or `None` when nothing can be asked.
    fn ask(&self, at: &Checkpoint, round: u32, view: &View<'_>) -> Option<Call>;
    /// What the answer shows.
    fn judge(&self, at: &Checkpoint, round: u32, reply: &Reply, view: &View<'_>) -> Verdict;
    /// A post can be found by its wording alone, whatever the checkpoint knows of it. Where it
    /// cannot, a person looks at what a Postgres that went back has forgotten.
    fn finds_by_wording(&self, view: &View<'_>) -> bool;
    /// The hosts of the pages that show its posts to people.
    fn page_hosts(&self) -> &'static [&'static str];
    /// The id of the post that a page shows, where the page's path and query tell it.
    fn id_in_page(&self, _path: &str) -> Option<String> {
        None
    }
    /// What a checkpoint tells a person who has to find out by hand, as the id that the platform
    /// named; most tell nothing.
    fn clue(&self, _at: &Checkpoint) -> Option<String> {
        None
    }
    /// For a post of several parts: the checkpoint as if the call in question had been answered
    /// with this id. `None` where it cannot be that part.
    fn adopt(&self, _at: &Checkpoint, _remote_id: &str, _view: &View<'_>) -> Option<Checkpoint> {
        None
    }
}

/// Our OAuth registration on a platform.
#[derive(Clone)]
pub struct App {
    /// Which registration, where a platform has several; `default` otherwise.
    pub name: String,
    /// The public identifier.
    pub client_id: String,
    /// The secret.
    pub client_secret: Secret,
    /// Where the platform sends the browser back to.
    pub redirect_uri: String,
}

/// How a platform wants the client to prove itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// `client_id` and `client_secret` in the body.
    Body,
}

/// The facts of a platform's OAuth that need no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OAuthProfile {
    /// What a person who is about to connect calls this way, as `Toy – a page`.
    pub title: &'static str,
    /// Whom it is for, in a sentence.
    pub note: &'static str,
    /// Where the browser is sent.
    pub authorize_url: &'static str,
    /// Send a PKCE challenge (S256) and verifier.
    pub uses_pkce: bool,
    /// What the scopes are joined with.
    pub scope_separator: char,
    /// What we ask for.
    pub scopes: &'static [&'static str],
    /// Those of them that nothing can be published without.
    pub needed: &'static [&'static str],
    /// Further query parameters of the authorize URL.
    pub extra: &'static [(&'static str, &'static str)],
    /// How the client proves itself.
    pub client_auth: ClientAuth,
    /// A refresh token works once, and the new pair replaces it.
    pub rotates_refresh_token: bool,
    /// When the grants that it gives means to renew are renewed.
    pub renewal: Rule,
}

/// An identity that we may act as, and the grant for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the platform told of it.
    pub facts: AccountFacts,
    /// The grant to keep for it: the one of the exchange, or one of its own.
    pub grant: Grant,
}

/// The next step of finding out whom a fresh grant belongs to.
pub enum Identifying {
    /// Carry this read-only call, which is signed already, and come back with its reply.
    Ask {
        /// Wait so long first; usually not at all.
        after: Duration,
        /// The call.
        call: Box<Call>,
    },
    /// These, to choose from; never none.
    Done(Vec<Identity>),
    /// It is of no use here.
    Refused(Failure),
}

impl Identifying {
    /// Asks at once.
    pub fn ask(call: Call) -> Self {
        Self::Ask { after: Duration::ZERO, call: Box::new(call) }
    }
}

/// Connecting, signing, refreshing. The only place in a folder that sees a grant.
pub trait Auth: Send + Sync {
    /// The names of the registrations that the platform can have; the only one is `default`.
    fn apps(&self) -> &'static [&'static str];
    /// The facts that need no code, of one of our registrations ([`App::name`]).
    fn profile(&self, app: &str) -> &'static OAuthProfile;
    /// Writes the grant into a request; called by the courier as its last change.
    fn sign(&self, request: &mut Request<Body>, grant: &Grant);
    /// The call that turns a code into a grant.
    fn exchange(&self, app: &App, code: &str, verifier: Option<&str>) -> Call;
    /// Finds out whom a fresh grant belongs to, from the replies to the calls asked for so far.
    /// What a platform wants done before a grant is worth keeping happens here too.
    fn identify(&self, app: &App, grant: &Grant, replies: &[Reply]) -> Identifying;
    /// The same for a grant that was obtained elsewhere, which is worth keeping as it is.
    fn identify_imported(&self, app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        self.identify(app, grant, replies)
    }
    /// The call that renews a grant, or `None` when only a reconnect helps.
    fn refresh(&self, app: &App, grant: &Grant) -> Option<Call>;
    /// One consent through this registration serves several accounts, so that to revoke it for one
    /// of them would end them all.
    fn is_consent_shared(&self, _app: &str) -> bool {
        false
    }
    /// The call that takes a grant back at the platform, where it has one.
    fn revoke(&self, _app: &App, _grant: &Grant) -> Option<Call> {
        None
    }
    /// The grant in the answer to [`Auth::exchange`] or [`Auth::refresh`].
    ///
    /// # Errors
    /// The failure that the reply amounts to.
    fn read_grant(&self, reply: &Reply, previous: Option<&Grant>) -> Result<Grant, Failure>;
}
