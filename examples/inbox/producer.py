"""Adds a post to a tenant's inbox and waits for the answer.

    pip install redis
    export INBOX_URL=redis://inbox-acme:PASSWORD@127.0.0.1:6379 TENANT=acme
    python producer.py launch-2026 '{"brandSlug": "acme", "text": "Hello", "platforms": ["x"]}'

The key is yours, one for each post: whatever happens, add the post again under the same key, and it
is one post. Exit code 0: accepted, 1: refused, 2: no answer yet.
"""

import json
import os
import sys
import time

import redis

INBOX = "postfleet:inbox:" + os.environ["TENANT"]
ANSWERS = INBOX + ":results"
TRIES = 8
ANSWER_WITHIN_S = 60

# What may come to nothing, or to an entry whose id got lost on its way to us.
PASSING = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.OutOfMemoryError)


def again(call):
    """Calls until it works; a full Redis or a lost connection is waited for."""
    for attempt in range(TRIES):
        try:
            return call()
        except PASSING as why:
            if attempt == TRIES - 1:
                raise
            print(f"again, because of: {why}", file=sys.stderr)
            time.sleep(min(0.1 * 2**attempt, 5))


def publish(inbox, key, post):
    """Adds the post, and returns what the fleet answers to its key; None when it does not yet."""
    newest = again(lambda: inbox.xrevrange(ANSWERS, count=1))
    seen = newest[0][0] if newest else "0"
    again(lambda: inbox.xadd(INBOX, {"key": key, "post": json.dumps(post)}))
    until = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < until:
        for _, answers in again(lambda: inbox.xread({ANSWERS: seen}, block=1_000)) or []:
            for seen, answer in answers:
                if answer["key"] == key:
                    return json.loads(answer["answer"])
    return None


def main():
    key, post = sys.argv[1:]
    # RESP2 has answers of one shape in every version of the library.
    inbox = redis.Redis.from_url(os.environ["INBOX_URL"], decode_responses=True, protocol=2)
    answer = publish(inbox, key, json.loads(post))
    print(json.dumps(answer))
    sys.exit(2 if answer is None else 0 if answer["success"] else 1)


if __name__ == "__main__":
    main()
