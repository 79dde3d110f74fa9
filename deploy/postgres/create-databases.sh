#!/bin/bash
# Runs once, on an empty data folder: a database and a role of its own for each service, and one role that may read all
# of them (the checks across services). Passwords come from the environment.
set -euo pipefail

make_database() {
  local name="$1" password="$2"
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v name="$name" -v password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

for service in catalog inventory orders metrics notifications gateway; do
  variable="${service^^}_DATABASE_PASSWORD"
  make_database "$service" "${!variable:?is not set; run make env}"
done
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v password="${VERIFY_DATABASE_PASSWORD:?is not set; run make env}" <<'SQL'
CREATE ROLE verify LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO verify;
SELECT format('GRANT CONNECT ON DATABASE %I TO verify', datname) FROM pg_database
WHERE datname IN ('catalog', 'inventory', 'orders', 'metrics', 'notifications', 'gateway') \gexec
SQL
