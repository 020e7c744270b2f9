//! Chains: the parts of a post behind its first, read alike for every platform that has them.

use domain::content::Segment;
use domain::request::Fields;
use serde_json::Value;

/// The items of the chain: a text, or an object with text and media.
pub(crate) fn read_thread(platform: &'static str, fields: &mut Fields<'_>) -> Vec<Segment> {
    let mut segments = Vec::new();
    for (index, item) in fields.list("thread").unwrap_or_default().iter().enumerate() {
        let path = fields.path(format_args!("thread[{index}]"));
        match item {
            Value::String(_) => {
                let text = fields.as_text(&path, item).unwrap_or_default();
                segments.push(Segment { text: text.to_owned(), media: Vec::new() });
            }
            Value::Object(object) => {
                let mut part = Fields::new(Some(object), path, Some(platform));
                segments.push(Segment {
                    text: part.text("text").unwrap_or_default().to_owned(),
                    media: part.media("media").unwrap_or_default(),
                });
                fields.absorb(part);
            }
            _ => fields.wrong_type(path, "a text or an object with `text` and `media`", item),
        }
    }
    segments
}
