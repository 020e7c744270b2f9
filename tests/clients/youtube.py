"""Uploads a film to a simulated YouTube with Google's own client, lists it and sets its thumbnail.

Takes the simulator's URL, a refresh token, the file and the picture; prints what it was told.
"""

import json
import os
import sys

from google.oauth2.credentials import Credentials
from googleapiclient import discovery, discovery_cache
from googleapiclient.http import MediaFileUpload

base, refresh_token, film, picture = sys.argv[1:]
specs = os.environ.get("POSTFLEET_SPECS")
if specs:
    with open(os.path.join(specs, "youtube", "youtube.v3.json"), encoding="utf-8") as file:
        document = json.load(file)
else:
    document = json.loads(discovery_cache.get_static_doc("youtube", "v3"))
# All that differs from production: where the service is, and where tokens are renewed.
document["rootUrl"] = base + "/"
document.pop("mtlsRootUrl", None)
credentials = Credentials(None, refresh_token=refresh_token, token_uri=base + "/token",
                          client_id="sim-client", client_secret="sim-secret")
youtube = discovery.build_from_document(document, credentials=credentials)

media = MediaFileUpload(film, mimetype="video/mp4", resumable=True, chunksize=256 * 1024)
insert = youtube.videos().insert(
    part="snippet,status",
    body={
        "snippet": {"title": "A walk", "description": "By the sea", "tags": ["sea", "walk"],
                    "categoryId": "22"},
        "status": {"privacyStatus": "unlisted", "selfDeclaredMadeForKids": False},
    },
    media_body=media,
)
progress, video = [], None
while video is None:
    status, video = insert.next_chunk()
    if status:
        progress.append(status.resumable_progress)
thumbnail = youtube.thumbnails().set(
    videoId=video["id"],
    media_body=MediaFileUpload(picture, mimetype="image/png"),
).execute()
listed = youtube.videos().list(part="snippet,status,processingDetails", id=video["id"]).execute()
channel = youtube.channels().list(part="snippet,contentDetails", mine=True).execute()
json.dump({"progress": progress, "video": video, "listed": listed, "thumbnail": thumbnail,
           "channel": channel}, sys.stdout)
