# The server or client as an image: docker build --tag ferrotunnel . && docker run ferrotunnel --help

ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates nodejs npm
WORKDIR /src
# Dependencies first: they change less often than the sources.
COPY deno.json deno.lock ./
RUN npx --yes deno@2.9.6 install --frozen
COPY . .
RUN npx --yes deno@2.9.6 run --allow-all scripts/compile.ts bun --output /out/ferrotunnel

FROM ${BASE}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ferrotunnel \
 && install --directory --owner=10001 --mode=700 /var/lib/ferrotunnel
COPY --from=build /out/ferrotunnel /usr/local/bin/ferrotunnel
USER 10001
# Where clients connect. The ports of the services come on top: publish those that you allow.
EXPOSE 7835
# The key that a server makes for itself; give it a volume, so that it outlives the container.
ENV FERROTUNNEL_STATE_DIR=/var/lib/ferrotunnel
# Inside the container only; the health check asks it.
ENV FERROTUNNEL_ADMIN_BIND=127.0.0.1:4040
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
  CMD ["bash", "-c", "port=${FERROTUNNEL_ADMIN_BIND##*:}; exec 3<>/dev/tcp/127.0.0.1/$port && printf 'GET /healthz HTTP/1.1\\r\\nHost: 127.0.0.1:%s\\r\\nConnection: close\\r\\n\\r\\n' \"$port\" >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["ferrotunnel"]
CMD ["--help"]
