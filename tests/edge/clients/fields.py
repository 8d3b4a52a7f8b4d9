# Lists of RFC 9651, one a line, by http_sfv: each as JSON, written again as it was.
import json
import os

import http_sfv

for text in os.environ["FIELDS"].splitlines():
    field = http_sfv.List()
    field.parse(text.encode("ascii"))
    assert str(field) == text, str(field)
    print(json.dumps(field.to_json()))
