# syntax=docker/dockerfile:1
# docker build --target bot -t image2pic .                   the bot: no training package in it
# docker build --target training -t image2pic-training .     everything, for making models
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

# -- what both targets are built with ------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/image2pic
WORKDIR /src
# The dependencies first: they change seldom, so this layer is mostly taken from the cache. The
# packages are empty here; only their names matter to the installer.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir bot engine training && touch bot/__init__.py engine/__init__.py training/__init__.py

FROM build AS build-bot
RUN /opt/image2pic/bin/pip install -c constraints.txt .
COPY engine engine
COPY bot bot
# Training stays out of the bot's image, the empty package of the first build with it.
RUN rm -rf training build ./*.egg-info && /opt/image2pic/bin/pip install --no-deps --force-reinstall .

FROM build AS build-training
RUN /opt/image2pic/bin/pip install -c constraints.txt ".[training]"
COPY engine engine
COPY training training
COPY bot bot
RUN rm -rf build && /opt/image2pic/bin/pip install --no-deps --force-reinstall .

# -- what both targets run on --------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS run
RUN groupadd --gid 10001 image2pic \
    && useradd --uid 10001 --gid image2pic --create-home image2pic \
    && install -d -o image2pic -g image2pic /var/lib/image2pic
ENV PATH=/opt/image2pic/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/image2pic
WORKDIR /opt/image2pic
COPY data data

FROM run AS training
COPY --from=build-training /opt/image2pic /opt/image2pic
USER 10001:10001
WORKDIR /home/image2pic
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
