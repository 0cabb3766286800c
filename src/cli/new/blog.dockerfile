# The blog as an image for {platform}, for those who build with Docker or have a registry build it; `galley package`
# needs no Docker, and makes the images for all platforms at once.
#   docker build {file}--tag blog .
# Dockerfile, Dockerfile.aarch64 and Dockerfile.armhf are equal but for the platform.
ARG PLATFORM={platform}
# The classic builder leaves this one empty.
ARG BUILDPLATFORM=${BUILDPLATFORM:-linux/amd64}
# galley alone. The image says itself what it is for, so --platform may be left out.
ARG GALLEY=ghcr.io/galley-blog/galley:latest

# Rendered on the machine that builds, nothing under emulation. A dead link ends the build here.
FROM --platform=$BUILDPLATFORM ${GALLEY} AS checked
USER 0:0
COPY . /blog
RUN ["/galley", "check", "/blog"]
RUN ["/galley", "build", "/blog", "--output", "/out"]

FROM --platform=$PLATFORM ${GALLEY}
COPY --from=checked /out /site
LABEL org.opencontainers.image.title={title}
