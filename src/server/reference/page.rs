//! The document as a page: one file without a program in it, so it works offline and under the
//! same policy as every other page here.

use super::document::{document, tag_of};
use super::operation::Operation;
use super::table::operations;
use crate::pages::{Markup, policy};
use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use serde_json::Value;
use std::sync::LazyLock;

const STYLE: &str = include_str!("page.css");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    // The style stands as it is hashed.
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>postfleet API</title>\
         <style>{STYLE}</style></head><body>{}</body></html>\n",
        body(&document(), &operations()).into_string()
    )
});

pub(super) fn page() -> Response {
    let mut response = Html(PAGE.as_str()).into_response();
    let headers = response.headers_mut();
    if let Some(policy) = policy(STYLE) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

fn body(document: &Value, operations: &[Operation]) -> Markup {
    let told = word(&document["info"]["description"]);
    Markup::of("<nav><h2>postfleet API</h2>", &[])
        .then(&navigation(operations))
        .with("<p><a href=\"#shapes\">Shapes</a></p></nav><main><h1>postfleet API</h1>", &[])
        .with(
            "<p>{}</p><p>Every request brings a key: <code>Authorization: Bearer pf_…</code>. ",
            &[told],
        )
        .with(
            "The same as a file for programs: <a href=\"/v1/openapi.json\">OpenAPI 3.1</a>.</p>",
            &[],
        )
        .then(&Markup::all(operations.iter().map(|one| section(document, one))))
        .with("<h2 id=\"shapes\">Shapes</h2>", &[])
        .then(&shapes(&document["components"]["schemas"]))
        .with("</main>", &[])
}

fn navigation(operations: &[Operation]) -> Markup {
    let mut last = "";
    let links = operations.iter().map(|one| {
        let tag = tag_of(one.path);
        let heading = match std::mem::replace(&mut last, tag) == tag {
            true => Markup::default(),
            false => Markup::of("<h3>{}</h3>", &[tag]),
        };
        heading.with("<a href=\"#{}\">{}</a>", &[one.id, one.summary.trim_end_matches('.')])
    });
    Markup::all(links)
}

fn section(document: &Value, operation: &Operation) -> Markup {
    let method = operation.method.as_str();
    let pointer = operation.path.replace('~', "~0").replace('/', "~1");
    let place = format!("/paths/{pointer}/{}", method.to_lowercase());
    let told = document.pointer(&place).unwrap_or(&Value::Null);
    let parameters = told["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let rows = parameters.iter().map(|one| {
        let one = resolved(document, one);
        let place = format!("{}{}", word(&one["in"]), required(one["required"] == true));
        row(word(&one["name"]), &place, &kind(&one["schema"]), word(&one["description"]))
    });
    Markup::of(
        "<section id=\"{}\"><h2><b class=\"{}\">{}</b> <code>{}</code></h2><p>{} ",
        &[operation.id, &method.to_lowercase(), method, operation.path, operation.summary],
    )
    .then(&prose(word(&told["description"])))
    .with("</p>", &[])
    .then(&table("Parameters", rows.collect()))
    .then(&carried(operation, told))
    .then(&table("Answers", answers(document, told)))
    .with("</section>", &[])
}

/// What a request carries, and how it is sent.
fn carried(operation: &Operation, told: &Value) -> Markup {
    let url = format!("https://your.host{}", operation.path);
    let method = operation.method.as_str();
    let start = format!("curl -X {method} {url} \\\n  -H \"Authorization: Bearer $KEY\"");
    let Some(body) = &operation.body else { return Markup::of("<pre>{}</pre>", &[&start]) };
    let form = body.media_types.first().copied().unwrap_or_default();
    let schema = told["requestBody"]["content"][form]["schema"].clone();
    let need = if body.is_required { "required" } else { "may be left out" };
    let sent = match form {
        "application/json" => format!("{start} \\\n  -d '{:#}'", body.example),
        "multipart/form-data" => format!("{start} \\\n  -F file=@photo.jpg"),
        media_type => {
            format!("{start} \\\n  -H \"Content-Type: {media_type}\" --data-binary @file")
        }
    };
    Markup::of("<h3>Body</h3><p>{}, {}: ", &[&body.media_types.join(" or "), need])
        .then(&kind(&schema))
        .with("</p><pre>{}</pre>", &[&sent])
}

fn answers(document: &Value, told: &Value) -> Vec<Markup> {
    let answers = told["responses"].as_object().into_iter().flatten();
    let line = |(status, answer): (&String, &Value)| {
        let answer = resolved(document, answer);
        let schema = &answer["content"]["application/json"]["schema"];
        let data = &schema["properties"]["data"];
        let shape = if data.is_null() { kind(schema) } else { kind(data) };
        row(status, "", &shape, word(&answer["description"]))
    };
    answers.map(line).collect()
}

fn shapes(schemas: &Value) -> Markup {
    let all = schemas.as_object().into_iter().flatten();
    let one = |(name, schema): (&String, &Value)| {
        // What is put together of others has its own fields in one of its parts.
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let rows: Vec<Markup> = std::iter::once(schema).chain(parts).flat_map(fields).collect();
        let is_whole = schema["properties"].is_object();
        let own = if is_whole { Markup::default() } else { kind(schema) };
        Markup::of("<section id=\"shape-{}\"><h3>{}</h3><p>", &[name, name])
            .then(&prose(word(&schema["description"])))
            .with(" ", &[])
            .then(&own)
            .with("</p>", &[])
            .then(&table("", rows))
            .with("</section>", &[])
    };
    Markup::all(all.map(one))
}

fn fields(schema: &Value) -> Vec<Markup> {
    let needed = |name: &String| {
        schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let fields = schema["properties"].as_object().into_iter().flatten();
    let line = |(name, field): (&String, &Value)| {
        row(name, required(needed(name)), &kind(field), word(&field["description"]))
    };
    fields.map(line).collect()
}

fn table(title: &str, rows: Vec<Markup>) -> Markup {
    if rows.is_empty() {
        return Markup::default();
    }
    let heading = match title {
        "" => Markup::default(),
        title => Markup::of("<h3>{}</h3>", &[title]),
    };
    heading.with("<table>", &[]).then(&Markup::all(rows)).with("</table>", &[])
}

fn row(name: &str, need: &str, kind: &Markup, told: &str) -> Markup {
    Markup::of("<tr><td><code>{}</code> <small>{}</small></td><td>", &[name, need])
        .then(kind)
        .with("</td><td>", &[])
        .then(&prose(told))
        .with("</td></tr>", &[])
}

/// A sentence, with what stands between backticks as code.
fn prose(told: &str) -> Markup {
    let pieces = told.split('`').enumerate().map(|(index, piece)| match index % 2 {
        0 => Markup::of("{}", &[piece]),
        _ => Markup::of("<code>{}</code>", &[piece]),
    });
    Markup::all(pieces)
}

/// A schema in a few words, with links to the shapes in it.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return Markup::of("<a href=\"#shape-{}\">{}</a>", &[name, name]);
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().map(word).collect();
        return Markup::of("<code>{}</code>", &[&words.join(" | ")]);
    }
    for (name, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[name].as_array() {
            let mut parts = parts.iter().map(kind);
            let first = parts.next().unwrap_or_default();
            return parts.fold(first, |all, part| all.with("{}", &[between]).then(&part));
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => {
            Markup::of("list of ", &[]).then(&kind(&schema["items"]))
        }
        Value::String(name) => {
            let form = schema["format"].as_str().or(schema["pattern"].as_str());
            let form = form.unwrap_or_default();
            Markup::of("{} <small>{}</small>", &[name, form])
        }
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().map(word).collect();
            let items = &schema["items"];
            let shown = Markup::of("{}", &[&names.join(" or ")]);
            if items.is_null() { shown } else { shown.with(" of ", &[]).then(&kind(items)) }
        }
        _ => Markup::of("{}", &[word(&schema["const"])]),
    }
}

/// What a reference leads to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
    place.and_then(|place| document.pointer(place)).unwrap_or(value)
}

fn required(is_required: bool) -> &'static str {
    if is_required { " required" } else { "" }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: API-page
    #[tokio::test]
    async fn the_page_shows_every_operation_and_loads_nothing() {
        let response = page();
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        for operation in operations() {
            let shown = format!("<section id=\"{}\">", operation.id);
            assert!(PAGE.contains(&shown), "{}", operation.id);
        }
        for (_, link) in PAGE.match_indices("href=\"#").map(|(at, _)| PAGE.split_at(at + 7)) {
            let name = link.split('"').next().unwrap();
            assert!(PAGE.contains(&format!("id=\"{name}\"")), "a link leads to no {name}");
        }
        for outside in ["<script", "src=", "http://", "@import", "url("] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }
}
