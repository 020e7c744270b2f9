"""Posts on a simulated LinkedIn with LinkedIn's own client, for a person and for a page.

The person signs in with it. Takes the simulator's URL, then token and URN of the page; prints
what it was told.
"""

import json
import sys

import requests
from linkedin_api.common import constants

base, page_token, page = sys.argv[1:]
VERSION = "202607"
# Before the clients are imported: one of their modules keeps the first for itself.
constants.OAUTH_BASE_URL = base + "/oauth/v2"
constants.VERSIONED_BASE_URL = base + "/rest"
constants.NON_VERSIONED_BASE_URL = base + "/v2"

from linkedin_api.clients.auth.client import AuthClient
from linkedin_api.clients.restli.client import RestliClient

client = RestliClient()
door = AuthClient("an-app", "sim-secret", "https://app.example/callback")
consent = door.generate_member_auth_url(["openid", "profile", "w_member_social"], "a-state")
click = requests.post(consent, data={"account": "ann"}, allow_redirects=False, timeout=10)
back = requests.utils.urlparse(click.headers["location"]).query
code = dict(pair.split("=", 1) for pair in back.split("&"))["code"]
grant = door.exchange_auth_code_for_access_token(code)
person_token = door.exchange_refresh_token_for_access_token(grant.refresh_token).access_token


def post(token, author, text):
    return client.create(
        resource_path="/posts",
        entity={
            "author": author,
            "commentary": text,
            "visibility": "PUBLIC",
            "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [],
                             "thirdPartyDistributionChannels": []},
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        },
        access_token=token,
        version_string=VERSION,
    )


me = client.get(resource_path="/userinfo", access_token=person_token)
person = "urn:li:person:" + me.entity["sub"]
first = post(person_token, person, "A walk")
again = post(person_token, person, "A walk")
second = post(page_token, page, "By the sea \\(at noon\\)")
found = client.finder(
    resource_path="/posts",
    finder_name="author",
    query_params={"author": page, "count": 10, "sortBy": "CREATED"},
    access_token=page_token,
    version_string=VERSION,
)
one = client.get(
    resource_path="/posts/{id}",
    path_keys={"id": second.entity_id},
    access_token=page_token,
    version_string=VERSION,
)
deleted = client.delete(
    resource_path="/posts/{id}",
    path_keys={"id": second.entity_id},
    access_token=page_token,
    version_string=VERSION,
)
json.dump({
    "me": me.entity,
    "first": {"status": first.status_code, "id": first.entity_id},
    "again": {"status": again.status_code, "body": again.response.json()},
    "second": {"status": second.status_code, "id": second.entity_id},
    "found": found.elements,
    "one": one.entity,
    "deleted": deleted.status_code,
}, sys.stdout)
