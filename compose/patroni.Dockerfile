# PostgreSQL with Patroni, for each node of compose/cluster.compose.yml. Both packages come from the
# archive that the image of PostgreSQL is made from.

FROM postgres:17-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends patroni python3-etcd \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o postgres -g postgres -m 700 /archive
COPY compose/patroni.yml /etc/patroni.yml
COPY compose/production.postgresql.conf /etc/postgresql/postgresql.conf
USER postgres
# Passwords come as files; Patroni takes them from its environment.
CMD ["sh", "-c", "export PATRONI_SUPERUSER_PASSWORD=\"$(cat /run/secrets/postgres-password)\" PATRONI_REPLICATION_PASSWORD=\"$(cat /run/secrets/replication-password)\"; exec patroni /etc/patroni.yml"]
