# The image of every part of the service: docs/production.md says how they are started. It stands at the top level because the whole
# package is its context, and because both docker and podman look for it here.
FROM python:3.11-slim-trixie

# For backup.sh and restore.sh; as new as PostgreSQL in compose.yaml.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/c360
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY c360_assets ./c360_assets
COPY docs/production/backup.sh docs/production/restore.sh /usr/local/bin/
RUN pip install --no-cache-dir --constraint constraints.txt '.[service,postgres,s3,sftp]' && rm -rf build

# One user for all parts: the tenant's files are readable by their owner only.
RUN useradd --uid 1000 --create-home c360 && install -d -o c360 -g c360 -m 0700 /tenant /dagster
USER c360
ENV C360_TENANT_DIR=/tenant DAGSTER_HOME=/dagster PYTHONUNBUFFERED=1
VOLUME ["/tenant", "/dagster"]
ENTRYPOINT ["c360"]
CMD ["--help"]
