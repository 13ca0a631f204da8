#!/bin/sh
# A copy of a tenant and of Dagster's storage in PostgreSQL, while the service runs: backup.sh TENANT FOLDER
# It takes the tenant's lock, so that no run writes meanwhile: runs wait, and say that they wait for a backup. PostgreSQL is found by
# PGHOST, PGDATABASE and so on; without PGDATABASE only the folder is copied. Makes FOLDER/<date>/{tenant.tar.gz,dagster.dump}, and where
# the tables are in a bucket FOLDER/<date>/tables, by `c360` (or the program that C360 names).
set -eu
umask 077
if [ "$#" -ne 2 ] || [ ! -f "$1/tenant.yaml" ]; then
  echo "usage: backup.sh TENANT FOLDER (TENANT holds tenant.yaml)" >&2
  exit 2
fi
tenant=$(cd "$1" && pwd)
mkdir -p "$2"
target=$(cd "$2" && pwd)/$(date -u +%Y-%m-%dT%H%M%SZ)
partial=$target.partial
mkdir "$partial"
trap 'rm -rf "$partial"' EXIT

exec 9>>"$tenant/.lock"
flock -w 7200 9 || { echo "a run has held the tenant for two hours; no copy was made" >&2; exit 1; }
printf '{"what": "a backup", "pid": "%s"}' "$$" >"$tenant/.lock.holder"
trap 'rm -rf "$partial"; rm -f "$tenant/.lock.holder"' EXIT

in_bucket=
if grep -q '^warehouse:' "$tenant/tenant.yaml"; then
  # First: the folder knows at least who was forgotten until then. Its own warehouse/ only keeps copies.
  "${C360:-c360}" warehouse copy "$partial/tables" --tenant "$tenant" >&2
  in_bucket=--exclude=./warehouse
fi
# What a run made aside, what can be fetched again and what names processes is left out. Whoever delivers may write into landing/
# meanwhile, which is all that tar's exit code 1 says.
tar -C "$tenant" -czf "$partial/tenant.tar.gz" --exclude=./.tmp --exclude=./cache --exclude='./.lock*' $in_bucket . || [ "$?" -eq 1 ]
if [ -n "${PGDATABASE:-}" ]; then
  pg_dump --format=custom --file="$partial/dagster.dump"
fi
mv "$partial" "$target"
echo "$target"
