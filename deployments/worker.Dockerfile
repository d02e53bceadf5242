# The worker: runs what Prefect's server hands out. The same image migrates our database, registers the deployments
# and serves Prefect itself, so that all of them run the locked versions (see the note on FastAPI in pyproject.toml).
#
#     docker build -f deployments/worker.Dockerfile -t posthouse-worker .
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY . .
RUN pip install --no-deps --no-build-isolation --editable . \
    && useradd --system --create-home --home-dir /home/posthouse posthouse \
    && install -d -o posthouse -g posthouse /var/lib/posthouse

USER posthouse
ENV POSTHOUSE_STATE_DIR=/var/lib/posthouse PREFECT_HOME=/home/posthouse/.prefect
VOLUME /var/lib/posthouse

# Not `prefect worker start`: SIGTERM would kill its runs in the middle of a window of calls (docs/running.md).
CMD ["posthouse", "worker", "--pool", "posthouse", "--limit", "4"]
