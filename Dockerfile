# The tools stay in the first stage, whose image has a C compiler; the second holds Python, the service and
# nothing that builds. Both are of one Debian, so what is compiled in the first runs in the second.
FROM python:3.13 AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Dependencies first: this layer is made anew only when a lock file changes.
COPY requirements/build.lock requirements/serve.lock requirements/
RUN pip install --no-deps --require-hashes --only-binary=:all: -r requirements/build.lock \
 && python -m venv --without-pip /opt/authsvc \
 && pip --python /opt/authsvc/bin/python install --no-deps --require-hashes --only-binary=:all: -r requirements/serve.lock
# Argon2 with code for every x86-64 and code for AVX2, of which each machine takes what it can run; on other
# processors nothing is built. --build-arg ARGON2=wheel keeps the published build, and needs no compiler.
ARG ARGON2=native
COPY scripts/native.sh scripts/native.cmake scripts/
COPY requirements/native.lock requirements/
RUN if [ "$ARGON2" = native ]; then sh scripts/native.sh /opt/authsvc; fi
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/authsvc/bin/python install --no-deps --no-index dist/*.whl

FROM python:3.13-slim
# The image's own pip is not needed to run the service.
RUN python -m pip uninstall --yes --root-user-action=ignore pip
COPY --from=build /opt/authsvc /opt/authsvc
# The root file system may be read-only: nothing is written, bytecode was compiled above.
ENV PATH=/opt/authsvc/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AUTHSVC_HOST=0.0.0.0 \
    AUTHSVC_PORT=8000
WORKDIR /srv
# A number, so that Kubernetes' runAsNonRoot can check it.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['AUTHSVC_PORT']), timeout=2); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["authsvc"]
CMD ["serve"]
