# ringcache as an image: two static binaries on nothing. `docker build -t ringcache .`

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/cached ./cmd/cachectl \
    && mkdir /out/data

FROM scratch
COPY --from=build /out/cached /out/cachectl /
# A volume that is created at /data takes its owner from here.
COPY --from=build --chown=65532:65532 /out/data /data

# Numbers, as there is no /etc/passwd to find a name in, and orchestrators want to see that it is not 0.
USER 65532:65532
WORKDIR /data
VOLUME /data

# The container's network is the fence; set RINGCACHE_CLUSTER_SECRET where others share it.
ENV RINGCACHE_BIND="*" RINGCACHE_DIR=/data RINGCACHE_PROTECTED_MODE=no
EXPOSE 7000 17000 17000/udp

# Is this node alive: does it answer? Not `cachectl wait`, which asks for the whole cluster: one node's death must not make
# an orchestrator restart those that are well. cachectl reads RINGCACHE_PORT and RINGCACHE_REQUIREPASS as the node does.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/cachectl", "status", "-o", "json"]

ENTRYPOINT ["/cached"]
