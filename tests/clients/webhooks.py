"""Verifies messages with the reference library of Standard Webhooks, and each with a change.

Takes the secrets, as a list in JSON, and a file with the messages; prints how it went.
"""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

secrets, path = sys.argv[1:]
verifiers = [Webhook(secret) for secret in json.loads(secrets)]
with open(path, encoding="utf-8") as file:
    messages = json.load(file)


def accepts(verifier, body, headers):
    try:
        return verifier.verify(body, headers) == json.loads(body)
    except (WebhookVerificationError, ValueError):
        return False


accepted, refused, changed = 0, 0, 0
for message in messages:
    body, headers = base64.b64decode(message["body"]), message["headers"]
    accepted += all(accepts(verifier, body, headers) for verifier in verifiers)
    # Every byte of the body, one bit of each; and every header that is signed.
    for place in range(len(body)):
        other = body[:place] + bytes([body[place] ^ 1]) + body[place + 1:]
        changed += 1
        refused += not any(accepts(verifier, other, headers) for verifier in verifiers)
    later = str(int(headers["webhook-timestamp"]) + 1)
    for name, value in [("webhook-id", headers["webhook-id"] + "0"), ("webhook-timestamp", later)]:
        changed += 1
        other = dict(headers, **{name: value})
        refused += not any(accepts(verifier, body, other) for verifier in verifiers)
json.dump({"accepted": accepted, "changed": changed, "refused": refused}, sys.stdout)
