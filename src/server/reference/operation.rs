//! One operation of the API, as the table words it.

use http::Method;
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// Schemas by name, as the components of the document hold them.
pub(crate) type Shapes = Vec<(String, RefOr<Schema>)>;

/// One method of one route.
#[derive(Clone)]
pub(crate) struct Operation {
    pub method: Method,
    /// As the router has it.
    pub path: &'static str,
    /// For generators of clients.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What else is to be known.
    pub more: &'static str,
    /// Query and headers; the names in the path are derived.
    pub parameters: Vec<Value>,
    pub body: Option<Body>,
    /// What comes of it, by status.
    pub answers: Vec<(u16, &'static str, Content)>,
    /// It may contradict where the thing stands: 409.
    pub can_conflict: bool,
    /// Schemas that the rest refers to.
    pub shapes: Shapes,
}

/// What an answer carries.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// JSON of this schema.
    Json(Value),
    /// Bytes of this media type.
    Bytes(&'static str),
    /// Nothing but headers.
    Nothing,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub media_types: Vec<&'static str>,
    pub schema: Value,
    pub example: Value,
    pub is_required: bool,
}

pub(crate) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::GET, path, id, summary)
}

pub(crate) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::POST, path, id, summary)
}

pub(crate) fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::PUT, path, id, summary)
}

pub(crate) fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::PATCH, path, id, summary)
}

pub(crate) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::DELETE, path, id, summary)
}

fn operation(
    method: Method,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    Operation {
        method,
        path,
        id,
        summary,
        more: "",
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        can_conflict: false,
        shapes: Vec::new(),
    }
}

impl Operation {
    /// Says what else is to be known.
    pub fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }

    /// Carries JSON of this shape.
    pub fn takes<T: ToSchema>(self, example: Value) -> Self {
        self.takes_body::<T>("application/json", example, true)
    }

    /// May carry JSON of this shape.
    pub fn may_take<T: ToSchema>(self, example: Value) -> Self {
        self.takes_body::<T>("application/json", example, false)
    }

    /// Carries a body of this media type.
    pub fn takes_body<T: ToSchema>(
        mut self,
        media_type: &'static str,
        example: Value,
        is_required: bool,
    ) -> Self {
        let schema = self.shape::<T>();
        self.body = Some(Body { media_types: vec![media_type], schema, example, is_required });
        self
    }

    /// Carries a text in one of these forms.
    pub fn takes_text(mut self, media_types: &[&'static str]) -> Self {
        let (schema, example) = (json!({"type": "string"}), Value::Null);
        let media_types = media_types.to_vec();
        self.body = Some(Body { media_types, schema, example, is_required: true });
        self
    }

    /// Is turned away in the usual form, with a status that no other operation has.
    pub fn turned_away(self, status: u16, told: &'static str) -> Self {
        self.turned_away_as(status, told, json!({"$ref": "#/components/schemas/Refusal"}))
    }

    /// Is turned away in a form of its own.
    pub fn turned_away_as(mut self, status: u16, told: &'static str, schema: Value) -> Self {
        self.answers.push((status, told, Content::Json(schema)));
        self
    }

    /// Comes to one such thing.
    pub fn gives<T: ToSchema>(self, status: u16, told: &'static str) -> Self {
        self.gives_with::<T>(status, told, json!({}))
    }

    /// Comes to one such thing, with fields beside `data`.
    pub fn gives_with<T: ToSchema>(
        mut self,
        status: u16,
        told: &'static str,
        beside: Value,
    ) -> Self {
        let data = self.shape::<T>();
        self.answers.push((status, told, Content::Json(envelope(data, beside))));
        self
    }

    /// Comes to a list of such things, with fields beside `data`.
    pub fn lists<T: ToSchema>(mut self, told: &'static str, beside: Value) -> Self {
        let data = json!({"type": "array", "items": self.shape::<T>()});
        self.answers.push((200, told, Content::Json(envelope(data, beside))));
        self
    }

    /// Comes to bytes of a media type.
    pub fn gives_bytes(
        mut self,
        status: u16,
        media_type: &'static str,
        told: &'static str,
    ) -> Self {
        self.answers.push((status, told, Content::Bytes(media_type)));
        self
    }

    /// Comes to headers alone.
    pub fn gives_nothing(mut self, status: u16, told: &'static str) -> Self {
        self.answers.push((status, told, Content::Nothing));
        self
    }

    /// Takes a header.
    pub fn heads(mut self, name: &str, is_required: bool, schema: Value, told: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": is_required, "schema": schema,
            "description": told,
        }));
        self
    }

    /// Takes a parameter in the query.
    pub fn asks(mut self, name: &str, schema: Value, told: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "schema": schema, "description": told,
        }));
        self
    }

    /// Has to be told a parameter in the query.
    pub fn needs(mut self, name: &str, schema: Value, told: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": true, "schema": schema, "description": told,
        }));
        self
    }

    /// Can be asked again under an `Idempotency-Key`.
    pub fn once(mut self) -> Self {
        self.parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
        self
    }

    /// May contradict where the thing stands.
    pub fn conflicts(mut self) -> Self {
        self.can_conflict = true;
        self
    }

    /// The reference to a shape, which the document is given with all that it refers to.
    fn shape<T: ToSchema>(&mut self) -> Value {
        let name: Cow<'static, str> = T::name();
        T::schemas(&mut self.shapes);
        self.shapes.push((name.clone().into_owned(), T::schema()));
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

fn envelope(data: Value, beside: Value) -> Value {
    let mut properties = json!({"success": {"const": true}, "data": data});
    let mut required = vec![json!("success"), json!("data")];
    if let (Some(properties), Value::Object(beside)) = (properties.as_object_mut(), beside) {
        required.extend(beside.keys().map(|name| json!(name)));
        properties.extend(beside);
    }
    json!({"type": "object", "required": required, "properties": properties})
}
