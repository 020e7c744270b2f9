//! Identifiers: a prefix that says what is named, and a UUIDv7 that sorts by birth.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// What an identifier names; its prefix is what a person sees first.
pub trait Kind {
    /// The three letters before the underscore.
    const PREFIX: &'static str;
}

/// An identifier of one kind of thing, written `pst_018f…` (prefix, 32 hexadecimal digits).
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// The marker types of [`Id`].
pub mod kind {
    use super::Kind;

    /// Marks the identifiers of tenants.
    pub enum Tenant {}
    /// Marks the identifiers of brands.
    pub enum Brand {}
    /// Marks the identifiers of accounts.
    pub enum Account {}
    /// Marks the identifiers of posts.
    pub enum Post {}
    /// Marks the identifiers of deliveries.
    pub enum Delivery {}
    /// Marks the identifiers of assets, the users' media.
    pub enum Asset {}
    /// Marks the identifiers of API keys.
    pub enum ApiKey {}

    /// Marks the identifiers of webhooks, the endpoints of upstream apps.
    pub enum Webhook {}
    /// Marks the identifiers of erasures.
    pub enum Erasure {}

    impl Kind for Tenant {
        const PREFIX: &'static str = "tnt";
    }
    impl Kind for Brand {
        const PREFIX: &'static str = "brd";
    }
    impl Kind for Account {
        const PREFIX: &'static str = "acc";
    }
    impl Kind for Post {
        const PREFIX: &'static str = "pst";
    }
    impl Kind for Delivery {
        const PREFIX: &'static str = "dlv";
    }
    impl Kind for Asset {
        const PREFIX: &'static str = "med";
    }
    impl Kind for ApiKey {
        const PREFIX: &'static str = "key";
    }
    impl Kind for Webhook {
        const PREFIX: &'static str = "whk";
    }
    impl Kind for Erasure {
        const PREFIX: &'static str = "ers";
    }
}

/// The isolation boundary.
pub type TenantId = Id<kind::Tenant>;
/// A product's brand.
pub type BrandId = Id<kind::Brand>;
/// One identity on one platform.
pub type AccountId = Id<kind::Account>;
/// What a user wrote.
pub type PostId = Id<kind::Post>;
/// One post on one account.
pub type DeliveryId = Id<kind::Delivery>;
/// A user's media file.
pub type AssetId = Id<kind::Asset>;
/// A key to the API; the identifier is no secret.
pub type ApiKeyId = Id<kind::ApiKey>;
/// An endpoint of an upstream app that is told of events.
pub type WebhookId = Id<kind::Webhook>;
/// The erasure of a brand or a tenant.
pub type ErasureId = Id<kind::Erasure>;

impl<K> Id<K> {
    /// The identifier that carries this UUID.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID, for the database and the queue.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an identifier here is `{}_` and 32 hexadecimal digits", self.prefix)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let refused = NotAnId { prefix: K::PREFIX };
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        match digits {
            Some(digits) if digits.len() == 32 => {
                Uuid::try_parse(digits).map(Self::new).map_err(|_| refused)
            }
            _ => Err(refused),
        }
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<K: Kind> PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        let prefix = K::PREFIX;
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.pattern(Some(format!("^{prefix}_[0-9a-fA-F]{{32}}$")));
        text.examples([format!("{prefix}_019ac4f2c1a87d3e9b6a5f40d2c81e37")]).into()
    }
}
impl<K: Kind> ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        format!("{}_id", K::PREFIX).into()
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_refuses_another_kind() {
        let id = PostId::new(Uuid::from_u128(7));
        let text = id.to_string();
        assert_eq!(text, "pst_00000000000000000000000000000007");
        assert_eq!(text.parse::<PostId>(), Ok(id));
        assert_eq!(text.parse::<DeliveryId>(), Err(NotAnId { prefix: "dlv" }));
        assert!("pst_7".parse::<PostId>().is_err());
    }
}
