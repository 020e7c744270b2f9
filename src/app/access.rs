//! What a key lacks, in words, and where the things are that a request names.

use crate::caller::Caller;
use crate::{App, Refused};
use base::Fault;
use domain::access::{Access, Lack, Role, Scope};
use domain::id::BrandId;
use domain::post::Stage;
use domain::rejection::{Rejection, Rule};
use serde_json::{Value, json};

/// The refusal of a caller whose key does not reach so far.
pub fn refusal(caller: &Caller, lack: Lack) -> Refused {
    let (field, message, limit, actual, way) = match lack {
        Lack::Scope(scope) => (
            "scopes",
            format!("The key was narrowed to other scopes than `{scope}`."),
            json!(scope.as_str()),
            json!(scopes(&caller.access)),
            "Use another key, or have an owner give one out with this scope.".to_owned(),
        ),
        Lack::Role(has, needs) => (
            "role",
            format!("This takes {}, and the key is {}.", a(Some(needs)), a(has)),
            json!(needs.as_str()),
            json!(has.map(Role::as_str)),
            format!("Use a key of {}, or have an owner give one out.", a(Some(needs))),
        ),
        Lack::Brand => (
            "brands",
            "The key is for some brands, and this is of another or of the whole tenant.".to_owned(),
            json!("a brand of the key"),
            Value::Null,
            "Name a brand of the key, or use a key for all brands.".to_owned(),
        ),
    };
    let why = Rejection::request(Rule::NotSupported, field, message).bounds(limit, actual);
    Refused::Forbidden { code: "forbidden", why: Box::new(why.resolve(way)) }
}

/// Refuses whoever may write and not publish, where a post is not waiting for somebody's word.
pub(crate) fn refuse_live(caller: &Caller, brand: BrandId, stage: Stage) -> Option<Refused> {
    let lack = match stage {
        Stage::Draft | Stage::Held => return None,
        Stage::Live | Stage::Cancelled | Stage::Archived => {
            caller.may(Scope::PostsPublish, brand).err()?
        }
    };
    let Refused::Forbidden { code, why } = refusal(caller, lack) else { return None };
    let way = "Write it with \"draft\": true or \"hold\": \"approval\", and have it released by a \
               key with `posts:publish`.";
    Some(Refused::Forbidden { code, why: Box::new(why.resolve(way)) })
}

impl Caller {
    /// Its role on all brands is enough for that, so no brand has to be looked up.
    pub fn may_everywhere(&self, scope: Scope) -> bool {
        self.access.check(scope).is_ok() && self.access.role.is_some_and(|role| role.may(scope))
    }
}

impl App {
    /// The brand of this slug, if the caller's tenant has one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand_of_slug(
        &self,
        caller: &Caller,
        slug: &str,
    ) -> Result<Option<BrandId>, Fault> {
        if slug.contains('\0') {
            // Postgres takes none, and no brand has one.
            return Ok(None);
        }
        Ok(self.0.store.brand(caller.tenant, slug).await?.map(|brand| brand.id))
    }

    /// The brand of the post, delivery or account of this identifier, if the caller's tenant has
    /// such a thing.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand_of_thing(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<BrandId>, Fault> {
        let Some((thing, uuid)) = crate::audits::thing(id) else { return Ok(None) };
        self.0.store.brand_of_thing(caller.tenant, thing, uuid).await
    }
}

fn scopes(access: &Access) -> Vec<&'static str> {
    access.scopes.iter().flatten().map(|scope| scope.as_str()).collect()
}

fn a(role: Option<Role>) -> String {
    match role {
        None => "none of the whole tenant".to_owned(),
        Some(role @ (Role::Editor | Role::Admin | Role::Owner)) => format!("an {role}'s"),
        Some(role @ (Role::Viewer | Role::Contributor)) => format!("a {role}'s"),
    }
}
