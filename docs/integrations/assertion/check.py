"""Checks `Katalo-Assertion`. Python 3.8 or later, no library."""

import base64
import hashlib
import hmac
import json


def check(assertion, secret, issuer, method, path, now):
    """The claims, or None where the assertion is not good for this request.
    `path` is without its query; `now` in seconds."""
    parts = assertion.split(".")
    if len(parts) != 3:
        return None
    header, claims, signature = parts

    def read(part):
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    expected = hmac.new(secret.encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    try:
        if not hmac.compare_digest(read(signature), expected):
            return None
    except ValueError:
        return None
    if json.loads(read(header))["alg"] != "HS256":
        return None
    said = json.loads(read(claims))
    good = (
        said["iss"] == issuer
        and said["exp"] > now
        and said["htm"] == method
        and said["htu"] == issuer + path
    )
    return said if good else None


# python check.py ASSERTION ISSUER METHOD PATH NOW, with ASSERTION_SECRET set
if __name__ == "__main__":
    import os
    import sys

    assertion, issuer, method, path, now = sys.argv[1:]
    print(json.dumps(check(assertion, os.environ["ASSERTION_SECRET"], issuer, method, path, int(now))))
