# ImageFaulty with ONNX Runtime's build for NVIDIA GPUs (CUDA 13). Written with care and run by nobody yet: see
# docs/docker.md. From the root of the repository: docker build -f docker/gpu.Dockerfile -t imagefaulty:gpu .
# It differs from docker/Dockerfile in what is installed; the comments are there.

ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /build && python -m venv --without-pip /opt/imagefaulty
WORKDIR /source
COPY requirements/ requirements/
# Both builds of ONNX Runtime install the same files, so the one for CPUs is left out. CUDA and cuDNN come as packages.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/etc/ssl/certs/ca-certificates.crt \
    /build/bin/pip install --requirement requirements/build.txt && \
    sed '/^onnxruntime==/d' requirements/runtime.txt >runtime.txt && \
    /build/bin/pip --python /opt/imagefaulty/bin/python install --requirement runtime.txt --requirement requirements/gpu.txt
COPY LICENSE README.md pyproject.toml ./
COPY src/ src/
RUN /build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels . && \
    /build/bin/pip --python /opt/imagefaulty/bin/python install --no-index --no-deps /wheels/*.whl

FROM ${BASE}
RUN groupadd --gid 10001 imagefaulty && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin imagefaulty && \
    install --directory --owner 10001 --group 10001 /models /scans
COPY --from=build /opt/imagefaulty /opt/imagefaulty
ENV PATH=/opt/imagefaulty/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
# What the NVIDIA container runtime is to make visible inside.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /scans
EXPOSE 9090
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ.get('PORT') or 9090}/livez\", timeout=4)"]
ENTRYPOINT ["imagefaulty"]
CMD ["serve"]
