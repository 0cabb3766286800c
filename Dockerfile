# The blog in site/ as an image for linux/amd64, for those who build with Docker; `galley package` needs no Docker.
#   scripts/cross linux/amd64
#   docker build -t blog .
# There is no base image: a static program needs none.

# The classic builder leaves this one empty.
ARG BUILDPLATFORM=linux/amd64
# What renders runs on the machine that builds; what goes into the image runs on linux/amd64.
ARG RENDERER=dist/linux-amd64/galley
ARG GALLEY=dist/linux-amd64/galley

FROM --platform=$BUILDPLATFORM scratch AS rendered
ARG RENDERER
COPY ${RENDERER} /galley
COPY site /src
RUN ["/galley", "build", "/src", "-o", "/site"]

FROM --platform=linux/amd64 scratch
ARG GALLEY
COPY ${GALLEY} /galley
COPY --from=rendered /site /site
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENV GALLEY_LISTEN=0.0.0.0:8080
ENV GALLEY_CONTROL=127.0.0.1:8081
ENTRYPOINT ["/galley"]
CMD ["serve", "/site"]
