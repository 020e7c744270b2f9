//! Files that posts show.

use crate::calls::Client;
use crate::error::{Error, silent};
use crate::http::{again, nothing, send, send_for_page};
use crate::views::{Asset, Assets, Offer};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

/// A file of more bytes goes in parts of so many, and a part that is lost is sent again.
const PART_SIZE_BYTES: u64 = 8 << 20;
/// The version of the protocol tus that is spoken.
const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");

/// What has come of an upload.
#[derive(Deserialize)]
struct Standing {
    id: String,
    #[serde(default)]
    offset: u64,
}

impl Client {
    /// Uploads a file, streamed from the disk: a small one in a request of its own, a larger one in
    /// parts, which goes on where it broke off while the fleet or the line is away for moments.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the file cannot be read, [`Error::Refused`] when it is no file that
    /// any platform takes, or the tenant has no room for it.
    pub async fn upload(&self, file: &Path) -> Result<Asset, Error> {
        let unusable = |error| Error::Unusable(format!("{}: {error}", file.display()));
        let size_bytes = tokio::fs::metadata(file).await.map_err(unusable)?.len();
        if size_bytes > PART_SIZE_BYTES {
            let bytes = File::open(file).await.map_err(unusable)?;
            return self.upload_in_parts(bytes, size_bytes).await;
        }
        let part = Part::file(file).await.map_err(unusable)?;
        let form = Form::new().part("file", part);
        send(self.request(Method::POST, &["v1", "media"])?.multipart(form)).await
    }

    async fn upload_in_parts(&self, mut file: File, size_bytes: u64) -> Result<Asset, Error> {
        let unusable = |error| Error::Unusable(format!("the file: {error}"));
        // A second beginning leaves an upload behind that ends by itself.
        let mut standing: Standing = again(async || {
            let request = self.request(Method::POST, &["v1", "uploads"])?.header(TUS.0, TUS.1);
            send(request.header("Upload-Length", size_bytes)).await
        })
        .await?;
        let path = ["v1", "uploads", &standing.id.clone()].map(ToOwned::to_owned);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        while standing.offset < size_bytes {
            let from = standing.offset;
            file.seek(SeekFrom::Start(from)).await.map_err(unusable)?;
            let mut part = Vec::new();
            (&mut file).take(PART_SIZE_BYTES).read_to_end(&mut part).await.map_err(unusable)?;
            if part.is_empty() {
                return Err(Error::Unusable(format!("the file ends after {from} bytes")));
            }
            let mut is_first = true;
            standing = again(async || {
                // Of a part whose fate is open, as much may have come as the fleet says.
                if !std::mem::take(&mut is_first) {
                    let standing: Standing = send(self.request(Method::GET, &path)?).await?;
                    if standing.offset != from {
                        return Ok(standing);
                    }
                }
                let request = self.request(Method::PATCH, &path)?.header(TUS.0, TUS.1);
                let request = request.header("Upload-Offset", from).body(part.clone());
                let request = request.header(CONTENT_TYPE, "application/offset+octet-stream");
                nothing(request).await?;
                let offset = from + part.len() as u64;
                Ok(Standing { id: path[2].to_owned(), offset })
            })
            .await?;
        }
        again(async || self.asset(path[2]).await).await
    }

    /// Has a file fetched from an address on the open internet.
    ///
    /// # Errors
    /// [`Error::Refused`] when the address may not be asked, or what is there is no file.
    pub async fn import_media(&self, url: &str) -> Result<Asset, Error> {
        let request = self.request(Method::POST, &["v1", "media", "import"])?;
        send(request.json(&json!({ "url": url }))).await
    }

    /// An address where a file can be put without a key, as a user's browser does; then
    /// [`Client::complete`] takes it in.
    ///
    /// # Errors
    /// As every call.
    pub async fn presign(&self) -> Result<Offer, Error> {
        send(self.request(Method::POST, &["v1", "media", "presign"])?).await
    }

    /// Takes a file in that was put where [`Client::presign`] said.
    ///
    /// # Errors
    /// [`Error::Refused`] when nothing is there, or it is no file that any platform takes.
    pub async fn complete(&self, asset_id: &str) -> Result<Asset, Error> {
        send(self.request(Method::POST, &["v1", "media", asset_id, "complete"])?).await
    }

    /// Shows a file, and what each platform says of it.
    ///
    /// # Errors
    /// As every call.
    pub async fn asset(&self, asset_id: &str) -> Result<Asset, Error> {
        send(self.request(Method::GET, &["v1", "media", asset_id])?).await
    }

    /// Shows files, newest first: `kind`, `before`, `limit`.
    ///
    /// # Errors
    /// As every call.
    pub async fn assets(&self, asked: &[(&str, &str)]) -> Result<Assets, Error> {
        let request = self.request(Method::GET, &["v1", "media"])?.query(asked);
        let (assets, next_cursor) = send_for_page(request).await?;
        Ok(Assets { assets, next_cursor })
    }

    /// A picture of a file, at most 320 pixels wide and high, as JPEG.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has none.
    pub async fn thumbnail(&self, asset_id: &str) -> Result<Vec<u8>, Error> {
        let request = self.request(Method::GET, &["v1", "media", asset_id, "thumbnail"])?;
        let response = request.send().await.map_err(silent)?;
        match response.status().is_success() {
            true => Ok(response.bytes().await.map_err(silent)?.to_vec()),
            false => Err(crate::http::refusal(response).await),
        }
    }

    /// Takes a file away that no post needs.
    ///
    /// # Errors
    /// [`Error::Refused`] while a post needs it.
    pub async fn delete_media(&self, asset_id: &str) -> Result<(), Error> {
        nothing(self.request(Method::DELETE, &["v1", "media", asset_id])?).await
    }
}
