# RFC 7662 and RFC 7009 by authlib, as a gateway uses it.
import json
import os

from authlib.integrations.requests_client import OAuth2Session

env = os.environ
session = OAuth2Session(env["CLIENT_ID"], env["CLIENT_SECRET"], token_endpoint_auth_method="client_secret_basic")


def introspect():
    answer = session.introspect_token(env["BASE"] + "/oauth2/introspect", token=env["KEY"])
    assert answer.status_code == 200, answer.text
    return answer.json()


before = introspect()
revoked = session.revoke_token(env["BASE"] + "/oauth2/revoke", token=env["KEY"], token_type_hint="access_token")
print(json.dumps({"before": before, "revoked": revoked.status_code, "after": introspect()}))
