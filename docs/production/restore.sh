#!/bin/sh
# Puts a copy of backup.sh back, while the service is stopped: restore.sh COPY TENANT
# TENANT must be empty or not be there, so that nothing is overwritten. Of tables in a bucket only what that lacks is put back, by
# `c360` (or the program that C360 names). The database of PGHOST, PGDATABASE and so on is replaced where the copy has one.
set -eu
umask 077
if [ "$#" -ne 2 ] || [ ! -f "$1/tenant.tar.gz" ]; then
  echo "usage: restore.sh COPY TENANT (COPY holds tenant.tar.gz)" >&2
  exit 2
fi
if [ -d "$2" ] && [ -n "$(ls -A "$2")" ]; then
  echo "$2 is not empty: move it away first" >&2
  exit 1
fi
if [ -f "$1/dagster.dump" ] && [ -z "${PGDATABASE:-}" ]; then
  echo "the copy holds Dagster's storage: set PGHOST, PGDATABASE and so on to the database that takes it" >&2
  exit 1
fi
mkdir -p "$2"
tar -C "$2" -xzf "$1/tenant.tar.gz"
if [ -f "$1/dagster.dump" ]; then
  pg_restore --clean --if-exists --no-owner --dbname="$PGDATABASE" "$1/dagster.dump"
fi
if [ -d "$1/tables" ]; then
  "${C360:-c360}" warehouse restore "$1/tables" --tenant "$2" >&2
fi
echo "restored to $2"
