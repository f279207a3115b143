# One image for the API, the workers and the migrations; the command says which.

FROM node:24-slim AS page
WORKDIR /page
COPY service/dashboard/package.json service/dashboard/package-lock.json service/dashboard/.npmrc* ./
RUN npm ci --no-audit --no-fund
COPY service/dashboard ./
RUN npm run build

FROM python:3.13-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/lockstep && /opt/lockstep/bin/pip install 'pip>=25.1'
WORKDIR /src
# What Lockstep stands on changes seldom, so it has a layer of its own.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY scripts/build_backend.py scripts/
COPY lockstep/__init__.py lockstep/
RUN mkdir -p lockstep/service/dashboard/dist && touch lockstep/service/dashboard/dist/index.html && \
    /opt/lockstep/bin/pip install --constraint constraints.txt . && rm -r lockstep
COPY lockstep lockstep
COPY core core
COPY examples examples
COPY service service
COPY worker worker
COPY migrations migrations
COPY --from=page /page/dist service/dashboard/dist
RUN /opt/lockstep/bin/pip install --no-deps --force-reinstall .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /home/lockstep --create-home lockstep
COPY --from=packages /opt/lockstep /opt/lockstep
ENV PATH=/opt/lockstep/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER lockstep
WORKDIR /home/lockstep
EXPOSE 8000
ENV LOCKSTEP_HOST=0.0.0.0 LOCKSTEP_PORT=8000
CMD ["lockstep", "api"]
