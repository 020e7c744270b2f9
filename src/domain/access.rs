//! Who may do what: a key has a role, on all brands of its tenant or on some, and may be narrowed
//! to scopes.
//!
//! Invariant: [`Role::may`] is the one table. Whatever is not in it is nobody's but an owner's.

use crate::id::BrandId;
use std::fmt;

/// What a key may do with a brand, from least to most; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Writes drafts and posts that wait for somebody's word.
    Contributor,
    /// Lets posts go out.
    Editor,
    /// Looks after accounts, brands and webhooks.
    Admin,
    /// Gives out keys, and registers apps at the platforms.
    Owner,
}

impl Role {
    /// Every role, from least to most.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Contributor, Self::Editor, Self::Admin, Self::Owner];

    /// As the API and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// The table: may this role do that?
    pub fn may(self, scope: Scope) -> bool {
        self >= scope.least()
    }
}

/// What there is to do. A key that names scopes may do those alone, as far as its role goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See posts, deliveries and calendars.
    PostsRead,
    /// Write drafts and held posts, and check any.
    PostsWrite,
    /// Let posts go out, and change, cancel and settle them.
    PostsPublish,
    /// Bring in files.
    MediaWrite,
    /// Set the slots of a week.
    SlotsWrite,
    /// See brands, accounts, platforms and limits.
    AccountsRead,
    /// Connect, pause, limit and disconnect accounts; make brands.
    AccountsWrite,
    /// See what happened.
    EventsRead,
    /// See where events are sent.
    WebhooksRead,
    /// Say where events are sent.
    WebhooksWrite,
    /// See who did what.
    AuditRead,
    /// See the keys, never what they consist of.
    KeysRead,
    /// Give out, replace and revoke keys.
    KeysWrite,
    /// Whatever else the tenant has: its registrations at the platforms.
    TenantWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 14] = [
        Self::PostsRead,
        Self::PostsWrite,
        Self::PostsPublish,
        Self::MediaWrite,
        Self::SlotsWrite,
        Self::AccountsRead,
        Self::AccountsWrite,
        Self::EventsRead,
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::AuditRead,
        Self::KeysRead,
        Self::KeysWrite,
        Self::TenantWrite,
    ];

    /// As the API and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PostsRead => "posts:read",
            Self::PostsWrite => "posts:write",
            Self::PostsPublish => "posts:publish",
            Self::MediaWrite => "media:write",
            Self::SlotsWrite => "slots:write",
            Self::AccountsRead => "accounts:read",
            Self::AccountsWrite => "accounts:write",
            Self::EventsRead => "events:read",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::AuditRead => "audit:read",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::TenantWrite => "tenant:write",
        }
    }

    /// The scope of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// The least role that may do it.
    pub const fn least(self) -> Role {
        match self {
            Self::PostsRead | Self::AccountsRead | Self::EventsRead => Role::Viewer,
            Self::PostsWrite | Self::MediaWrite => Role::Contributor,
            Self::PostsPublish | Self::SlotsWrite => Role::Editor,
            Self::AccountsWrite
            | Self::WebhooksRead
            | Self::WebhooksWrite
            | Self::AuditRead
            | Self::KeysRead => Role::Admin,
            Self::KeysWrite | Self::TenantWrite => Role::Owner,
        }
    }

    /// It is about the tenant as a whole: a role on one brand is no role in it.
    pub const fn is_of_tenant(self) -> bool {
        match self {
            Self::WebhooksRead
            | Self::WebhooksWrite
            | Self::EventsRead
            | Self::AuditRead
            | Self::KeysRead
            | Self::KeysWrite
            | Self::TenantWrite => true,
            Self::PostsRead
            | Self::PostsWrite
            | Self::PostsPublish
            | Self::MediaWrite
            | Self::SlotsWrite
            | Self::AccountsRead
            | Self::AccountsWrite => false,
        }
    }
}

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its role on all brands, those to come among them, and on the tenant itself.
    pub role: Option<Role>,
    /// Its roles on some brands; where it has one on all, the larger counts.
    pub brands: Vec<(BrandId, Role)>,
    /// It may do these alone; all that its roles may where there is no list.
    pub scopes: Option<Vec<Scope>>,
}

/// What a key lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It was narrowed to other scopes.
    Scope(Scope),
    /// Its role is too small: what it has, if any, and what it would need.
    Role(Option<Role>, Role),
    /// It has no role on this brand, which so is not there for it.
    Brand,
}

impl Access {
    /// All that there is.
    pub const OWNER: Self = Self { role: Some(Role::Owner), brands: Vec::new(), scopes: None };

    /// Brands beyond a list are not there for it; `None` when it sees all.
    pub fn limited_to(&self) -> Option<Vec<BrandId>> {
        self.role.is_none().then(|| self.brands.iter().map(|(brand, _)| *brand).collect())
    }

    /// May it do that with the tenant, or with some brand of it?
    ///
    /// # Errors
    /// What it lacks.
    pub fn check(&self, scope: Scope) -> Result<(), Lack> {
        let on_brands = self.brands.iter().filter(|_| !scope.is_of_tenant()).map(|(_, role)| *role);
        self.weigh(scope, on_brands.chain(self.role).max())
    }

    /// May it do that with this brand?
    ///
    /// # Errors
    /// What it lacks.
    pub fn check_on(&self, scope: Scope, brand: BrandId) -> Result<(), Lack> {
        let own = self.brands.iter().filter(|(one, _)| *one == brand).map(|(_, role)| *role);
        let role = own.chain(self.role).max();
        if role.is_none() {
            return Err(Lack::Brand);
        }
        self.weigh(scope, role)
    }

    fn weigh(&self, scope: Scope, role: Option<Role>) -> Result<(), Lack> {
        if self.scopes.as_ref().is_some_and(|scopes| !scopes.contains(&scope)) {
            return Err(Lack::Scope(scope));
        }
        match role.is_some_and(|role| role.may(scope)) {
            true => Ok(()),
            false => Err(Lack::Role(role, scope.least())),
        }
    }

    /// Does it hold at least what another holds? Nobody gives away more than he has.
    pub fn covers(&self, other: &Self) -> bool {
        let reaches = |scope: &Scope| {
            let on_all = other.role.is_none_or(|role| !role.may(*scope) || self.everywhere(*scope));
            let on_each = other.brands.iter().all(|(brand, role)| {
                !role.may(*scope) || scope.is_of_tenant() || self.check_on(*scope, *brand).is_ok()
            });
            on_all && on_each
        };
        let given = |scope: &&Scope| other.scopes.as_ref().is_none_or(|list| list.contains(scope));
        Scope::ALL.iter().filter(given).all(reaches)
    }

    fn everywhere(&self, scope: Scope) -> bool {
        self.weigh(scope, self.role).is_ok()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const A: BrandId = BrandId::new(Uuid::from_u128(1));
    const B: BrandId = BrandId::new(Uuid::from_u128(2));

    // case: K-roles
    #[test]
    fn each_role_may_what_its_column_says() {
        // Viewer, contributor, editor, admin, owner.
        for (scope, may) in [
            ("posts:read", [1, 1, 1, 1, 1]),
            ("posts:write", [0, 1, 1, 1, 1]),
            ("posts:publish", [0, 0, 1, 1, 1]),
            ("media:write", [0, 1, 1, 1, 1]),
            ("slots:write", [0, 0, 1, 1, 1]),
            ("accounts:read", [1, 1, 1, 1, 1]),
            ("accounts:write", [0, 0, 0, 1, 1]),
            ("events:read", [1, 1, 1, 1, 1]),
            ("webhooks:read", [0, 0, 0, 1, 1]),
            ("webhooks:write", [0, 0, 0, 1, 1]),
            ("audit:read", [0, 0, 0, 1, 1]),
            ("keys:read", [0, 0, 0, 1, 1]),
            ("keys:write", [0, 0, 0, 0, 1]),
            ("tenant:write", [0, 0, 0, 0, 1]),
        ] {
            let parsed = Scope::parse(scope).unwrap();
            let column = Role::ALL.map(|role| u8::from(role.may(parsed)));
            assert_eq!(column, may, "{scope}");
        }
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Role::ALL.map(|role| Role::parse(role.as_str())), Role::ALL.map(Some));
    }

    #[test]
    fn a_role_on_a_brand_is_none_on_another_and_none_on_the_tenant() {
        let access = Access { role: None, brands: vec![(A, Role::Owner)], scopes: None };
        assert_eq!(access.check_on(Scope::PostsPublish, A), Ok(()));
        assert_eq!(access.check_on(Scope::PostsPublish, B), Err(Lack::Brand));
        assert_eq!(access.check(Scope::PostsPublish), Ok(()), "some brand is enough to go on");
        let lack = Err(Lack::Role(None, Role::Owner));
        assert_eq!(access.check(Scope::KeysWrite), lack, "keys are of the whole tenant");
        assert_eq!(access.limited_to(), Some(vec![A]));
        assert_eq!(Access::OWNER.limited_to(), None);
    }

    #[test]
    fn the_larger_of_two_roles_counts_and_scopes_narrow_both() {
        let brands = vec![(A, Role::Editor)];
        let access = Access { role: Some(Role::Viewer), brands, scopes: None };
        assert_eq!(access.check_on(Scope::PostsPublish, A), Ok(()));
        let lack = Err(Lack::Role(Some(Role::Viewer), Role::Editor));
        assert_eq!(access.check_on(Scope::PostsPublish, B), lack);
        let narrow = Access { scopes: Some(vec![Scope::PostsRead]), ..access };
        let lack = Err(Lack::Scope(Scope::PostsPublish));
        assert_eq!(narrow.check_on(Scope::PostsPublish, A), lack);
        assert_eq!(narrow.check_on(Scope::PostsRead, A), Ok(()));
    }

    // case: K-give
    #[test]
    fn nobody_gives_away_more_than_he_has() {
        let of = |role, brands: &[(BrandId, Role)], scopes: Option<&[Scope]>| Access {
            role,
            brands: brands.to_vec(),
            scopes: scopes.map(<[Scope]>::to_vec),
        };
        let owner = Access::OWNER;
        let narrow = of(Some(Role::Owner), &[], Some(&[Scope::KeysWrite, Scope::PostsRead]));
        let reader = of(Some(Role::Viewer), &[], Some(&[Scope::PostsRead]));
        let on_a = of(None, &[(A, Role::Editor)], None);
        assert!(owner.covers(&narrow) && owner.covers(&reader) && owner.covers(&on_a));
        assert!(narrow.covers(&reader) && narrow.covers(&narrow));
        assert!(!narrow.covers(&owner), "it would regain what it was narrowed from");
        assert!(!narrow.covers(&on_a) && !reader.covers(&owner));
        assert!(!on_a.covers(&of(None, &[(B, Role::Viewer)], None)));
        assert!(on_a.covers(&of(None, &[(A, Role::Viewer)], None)));
    }
}
