#!/bin/sh
# Appends what is new in each organization's audit to the files of a folder:
# <organization>.ndjson, and <organization>.head.json, its signed end. Needs curl and jq.
#
#   KATALO_URL=https://keys.example.com KATALO_KEY=kat_admin_… ./export.sh FOLDER
#
# The key needs the scopes organizations:read and audit:read. A run that fails appends
# nothing of the organization that it was at; the next one makes up for it.
set -eu
cd "$1"
admin=$KATALO_URL/admin/v1/organizations

# The key is read from standard input, so that it is in no list of processes.
get() {
  printf 'header = "Authorization: Bearer %s"\n' "$KATALO_KEY" | curl -fsS --retry 3 -K - "$@"
}

cursor=
while :; do
  page=$(get "$admin?limit=200${cursor:+&cursor=$cursor}")
  for id in $(printf %s "$page" | jq -r '.items[].id'); do
    last=0
    if [ -s "./$id.ndjson" ]; then last=$(tail -n 1 "./$id.ndjson" | jq .seq); fi
    get "$admin/$id/audit/head" -o "./$id.head.part"
    get "$admin/$id/audit?cursor=$last" -H 'Accept: application/x-ndjson' -o "./$id.part"
    cat "./$id.part" >> "./$id.ndjson"
    mv "./$id.head.part" "./$id.head.json"
    rm "./$id.part"
  done
  cursor=$(printf %s "$page" | jq -r '.next_cursor // "" | @uri')
  [ -n "$cursor" ] || break
done
