# docker build -f docker/inference-service.Dockerfile -t inference-service:0.1.0 .
# How to run it: docs/deploy-docker.md

ARG NODE_IMAGE=docker.io/library/node:24-slim

# ---- TypeScript → JavaScript
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && rm dist/.tsbuildinfo

# ---- What runs needs, and the list of it
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
# .npmrc forbids install scripts: the native parts (ONNX Runtime, libsql, compression) lie ready in their packages.
RUN npm ci --omit=dev
# ONNX Runtime's package holds its library for every system; the others are 240 MB.
RUN cd node_modules/onnxruntime-node/bin/napi-v6 \
 && find . -mindepth 2 -maxdepth 2 ! -path "./linux/$(node -p process.arch)" -exec rm -r {} + \
 && find . -mindepth 1 -maxdepth 1 -empty -delete
# Why not `--omit dev`: see scripts/sbom.
RUN npm pkg delete devDependencies && npm sbom --sbom-format cyclonedx > sbom.cdx.json

# ---- The image
FROM ${NODE_IMAGE} AS service
LABEL org.opencontainers.image.title="inference-service" \
      org.opencontainers.image.description="Serves predictions from trained models over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is installed in a running container: what could is removed.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack
# The only folder that is written to; a volume, so that the root may be read-only. 1000 is the base image's user `node`.
RUN mkdir /data && chown 1000:1000 /data && chmod 0700 /data
COPY package.json /app/
COPY --from=dependencies /dependencies/sbom.cdx.json /app/
COPY --from=dependencies /dependencies/node_modules /app/node_modules
COPY docs/model.schema.json /app/docs/
COPY docker/healthcheck.js /app/docker/
COPY bin /app/bin
COPY config /app/config
COPY proto /app/proto
COPY --from=build /build/dist /app/dist
COPY examples /examples
ENV NODE_ENV=production ENVIRONMENT=production
# Relative paths of the configuration start here: /data, /models, /features.yaml; in development /examples.
WORKDIR /
VOLUME /data
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["node", "/app/docker/healthcheck.js"]
# The program handles signals itself and waits for its own children: it may be process 1.
ENTRYPOINT ["node", "/app/bin/inference"]
CMD ["serve"]
