"""Signs in, posts, answers, attaches and deletes on a simulated X with X's own client.

Takes the simulator's URL and a picture; prints what it was told.
"""

import base64
import json
import os
import sys

import requests
from xdk import Client

# The library behind the refresh wants to be told that plain HTTP is meant.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
base, picture = sys.argv[1:]
client = Client(
    base_url=base,
    authorization_base_url=base + "/i",
    client_id="an-app",
    client_secret="sim-secret",
    redirect_uri="https://app.example/callback",
    scope=["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"],
)
page = client.get_authorization_url(state="a-state")
click = requests.post(page, data={"account": "acme"}, allow_redirects=False, timeout=10)
client.fetch_token(click.headers["location"])
client.refresh_token()

me = client.users.get_me(user_fields=["id", "username"])
with open(picture, "rb") as file:
    content = file.read()
upload = client.media.initialize_upload(
    body={"media_category": "tweet_image", "media_type": "image/png", "total_bytes": len(content)}
)
half = len(content) // 2
for index, part in enumerate([content[:half], content[half:]]):
    client.media.append_upload(
        id=upload.data.id,
        body={"media": base64.b64encode(part).decode(), "segment_index": index},
    )
client.media.finalize_upload(id=upload.data.id)
root = client.posts.create(body={"text": "A walk", "media": {"media_ids": [upload.data.id]}})
reply = client.posts.create(
    body={"text": "By the sea", "reply": {"in_reply_to_tweet_id": root.data.id}}
)
gone = client.posts.create(body={"text": "On second thoughts"})
deleted = client.posts.delete(id=gone.data.id)
ids = [root.data.id, reply.data.id, gone.data.id]
found = client.posts.get_by_ids(
    ids=ids,
    post_fields=["author_id", "created_at", "referenced_tweets", "conversation_id", "lang"],
)
one = client.posts.get_by_id(id=ids[1])
shown = {"me": me, "upload": upload, "root": root, "reply": reply, "deleted": deleted,
         "found": found, "one": one}
json.dump({name: answer.model_dump(mode="json") for name, answer in shown.items()}, sys.stdout)
