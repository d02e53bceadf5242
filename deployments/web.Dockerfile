# The web: one-click unsubscribe, the SNS webhook, the dashboard. It needs our database, and nothing of Prefect's.
#
#     docker build -f deployments/web.Dockerfile -t posthouse-web .
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
ENV POSTHOUSE_STATE_DIR=/var/lib/posthouse
EXPOSE 8025

# No access log: it would keep the tokens of unsubscribe links. Two processes, as an answer waits for the database.
CMD ["uvicorn", "web.app:app", "--host", "0.0.0.0", "--port", "8025", "--workers", "2", "--no-access-log", \
     "--proxy-headers"]
