FROM python:3.13-slim-bookworm AS build
WORKDIR /build
# `--build-arg LOCK=requirements-ai.lock` adds the learned models.
ARG LOCK=requirements.lock
COPY requirements-build.lock requirements.lock requirements-ai.lock ./
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
    && python -m venv --without-pip /opt/helpdesk \
    && /opt/tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/helpdesk/bin/python \
       --require-hashes -r "$LOCK"
COPY pyproject.toml ./
COPY src ./src
RUN /opt/tools/bin/hatchling build -t wheel -d /build/dist \
    && /opt/tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/helpdesk/bin/python \
       --no-deps /build/dist/*.whl

FROM python:3.13-slim-bookworm
RUN groupadd --system --gid 10001 helpdesk \
    && useradd --system --uid 10001 --gid helpdesk --home-dir /var/lib/helpdesk --create-home helpdesk
COPY --from=build /opt/helpdesk /opt/helpdesk
WORKDIR /app
COPY alembic.ini ./
COPY migrations ./migrations
ENV PATH="/opt/helpdesk/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    HELPDESK_ENV=production \
    HELPDESK_HOST=0.0.0.0 \
    HELPDESK_PORT=8000 \
    HELPDESK_LOG_FORMAT=json \
    HELPDESK_DATA_DIR=/var/lib/helpdesk
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['HELPDESK_PORT']}/readyz\", timeout=4)"]
CMD ["helpdesk", "serve", "--no-worker"]
