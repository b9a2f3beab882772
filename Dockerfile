# docker build --target bot -t image2pic .                   the bot: no training package in it
# docker build --target training -t image2pic-training .     everything, for making models
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1

# Both targets are laid out like a checkout: the packages beside data/, which they look for there,
# and everything that is run, run from this folder. So paths in commands and in .env are the same
# with Docker and without.

# -- what both targets are built with ------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /opt/image2pic
RUN python -m venv .venv
# Each file that pip takes has the sha256 that stands there. They change seldom, so these layers are
# mostly taken from the cache.
COPY requirements /src

FROM build AS build-bot
RUN .venv/bin/pip install --require-hashes -r /src/bot.txt
COPY engine engine
COPY bot bot
# Compiled here: nothing can be written where they run.
RUN .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash engine bot

FROM build AS build-training
RUN .venv/bin/pip install --require-hashes -r /src/training.txt
COPY engine engine
COPY training training
RUN .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash engine training

# -- what both targets run on --------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS run
# Tesseract reads the words on pictures; without it everything else works.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        tesseract-ocr tesseract-ocr-eng tesseract-ocr-rus \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 image2pic \
    && useradd --uid 10001 --gid image2pic --create-home image2pic \
    && install -d -o image2pic -g image2pic /var/lib/image2pic
ENV PATH=/opt/image2pic/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/image2pic
WORKDIR /opt/image2pic
# Where a corpus and models are mounted.
RUN mkdir corpus models
COPY data data

FROM run AS training
COPY --from=build-training /opt/image2pic /opt/image2pic
# Whoever owns the mounted folders runs it (docker run --user), and keeps downloads here.
RUN chmod 1777 /home/image2pic
USER 10001:10001
ENTRYPOINT ["python", "-m", "training"]
CMD ["--help"]

# The last stage is the one that is built where no target is named.
FROM run AS bot
COPY --from=build-bot /opt/image2pic /opt/image2pic
ENV DATA_DIR=/var/lib/image2pic METRICS_PORT=9100
USER 10001:10001
VOLUME /var/lib/image2pic
EXPOSE 8443 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['METRICS_PORT'] + '/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "bot"]
