//! Files, and uploads that become files.

use super::{count, cursor, text};
use crate::reference::operation::{Operation, delete, get, patch, post};
use crate::reference::shapes::owners::Nothing;
use crate::reference::shapes::posts::{ImportedFrom, Upload, UploadStanding, Uploaded};
use app::media::{AssetView, Offer};
use serde_json::{Value, json};

pub(super) fn media() -> Vec<Operation> {
    let kinds = json!({"enum": ["image", "gif", "video", "document"]});
    vec![
        post("/v1/media", "uploadMedia", "Takes a file in, and tells what it is.")
            .more("One file in the field `file`, as `curl -F file=@photo.jpg` sends it.")
            .takes_body::<Upload>("multipart/form-data", Value::Null, true)
            .gives::<AssetView>(201, "What was found in it; posts name it by its id.")
            .conflicts(),
        get("/v1/media", "listMedia", "Lists the files, the newest first.")
            .asks("kind", kinds, "Those of this kind.")
            .asks("before", text(), "The `nextCursor` of a page.")
            .asks("limit", count(100), "Files of a page; 50 without it.")
            .lists::<AssetView>("A page.", cursor()),
        post("/v1/media/import", "importMedia", "Fetches a file from an address.")
            .more("From the open internet alone, and answered when it is here.")
            .takes::<ImportedFrom>(json!({"url": "https://example.com/photo.jpg"}))
            .gives::<AssetView>(201, "What was found in it.")
            .conflicts(),
        post("/v1/media/presign", "presignMedia", "Gives out an address for a file.")
            .more("It is put there without a key; then `completeMedia` takes it in.")
            .may_take::<Nothing>(json!({}))
            .gives::<Offer>(201, "The address.")
            .conflicts(),
        get("/v1/media/{id}", "showMedia", "Shows a file, and what platforms say of it.")
            .gives::<AssetView>(200, "The file."),
        delete("/v1/media/{id}", "deleteMedia", "Takes a file away that no post needs.")
            .gives::<Nothing>(200, "It is gone.")
            .conflicts(),
        post("/v1/media/{id}/complete", "completeMedia", "Takes a file in that was put there.")
            .gives::<AssetView>(201, "What was found in it.")
            .conflicts(),
        get("/v1/media/{id}/thumbnail", "showThumbnail", "Shows a picture made small.")
            .gives_bytes(200, "image/jpeg", "At most 320 pixels wide and high."),
    ]
}

pub(super) fn uploads() -> Vec<Operation> {
    let spoken = |operation: Operation| {
        operation
            .heads("Tus-Resumable", true, json!({"const": "1.0.0"}), "The protocol's version.")
            .turned_away(412, "Another version of the protocol is spoken.")
    };
    let number = || json!({"type": "integer", "minimum": 0});
    vec![
        spoken(post("/v1/uploads", "beginUpload", "Begins an upload that may break off."))
            .more("By tus 1.0.0 with creation, termination and checksum: any client of it serves.")
            .heads("Upload-Length", true, number(), "Bytes of the file.")
            .heads("Upload-Metadata", false, text(), "What its sender says of it.")
            .gives::<Uploaded>(201, "It is begun; `Location` says where it goes on.")
            .turned_away(413, "The file is larger than any that is taken.")
            .conflicts(),
        get("/v1/uploads/{id}", "showUpload", "Shows how far an upload is.")
            .gives::<UploadStanding>(200, "It, with the headers of the protocol."),
        spoken(patch("/v1/uploads/{id}", "continueUpload", "Goes on with an upload."))
            .heads("Upload-Offset", true, number(), "Where the bytes begin.")
            .heads("Upload-Checksum", false, text(), "An algorithm and a digest in base64.")
            .takes_text(&["application/offset+octet-stream"])
            .gives_nothing(204, "They count; `Upload-Offset` says how far it is.")
            .turned_away(415, "The body is of another type.")
            .turned_away(460, "The bytes are not those of the checksum.")
            .conflicts(),
        spoken(delete("/v1/uploads/{id}", "endUpload", "Gives an upload up."))
            .gives_nothing(204, "It is gone."),
    ]
}
