"""Adds many posts to an inbox, and prints the keys: URL, tenant, a post, how many.

A lost connection is waited for, and what was under way is added again under the same keys.
"""

import json
import sys
import time
import uuid

import redis

# Entries of one round trip.
BATCH = 200

url, tenant, post, many = sys.argv[1:]
inbox = redis.Redis.from_url(url, decode_responses=True, protocol=2)
stream = f"postfleet:inbox:{tenant}"
post = json.loads(post)
text = post["text"]
keys = []
for first in range(0, int(many), BATCH):
    numbers = range(first, min(first + BATCH, int(many)))
    batch = [(str(uuid.uuid4()), number) for number in numbers]
    pipe = inbox.pipeline(transaction=False)
    for key, number in batch:
        pipe.xadd(stream, {"key": key, "post": json.dumps(post | {"text": f"{text} {number}"})})
    pipe.execute()
    keys.extend(key for key, _ in batch)
    # At the pace of an app that means it: the readers die while it goes on.
    time.sleep(0.05)
print(json.dumps({"keys": keys}))
