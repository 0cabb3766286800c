# The blog in site/ as an image for linux/amd64, for those who build with Docker or have a registry build; it compiles
# galley first. `galley package` needs no Docker and compiles nothing.
#   docker build --platform linux/amd64 --tag blog .
# Dockerfile, Dockerfile.aarch64 and Dockerfile.armhf are equal but for the platform. What git knows is not in here; say it:
#   --label org.opencontainers.image.revision="$(git rev-parse HEAD)"
ARG PLATFORM=linux/amd64
# The classic builder leaves this one empty.
ARG BUILDPLATFORM=${BUILDPLATFORM:-linux/amd64}
# What compiles: Rust with rustup, on Debian, which has the cross compilers.
ARG BUILDER=rust:1-bookworm
# What the image begins with. Docker gives `scratch` the platform that was asked for, whatever this file says
# (moby/buildkit#5670). An image says itself what it is for: with one for this platform, --platform may be left out.
ARG BASE=scratch

# Everything runs on the machine that builds, nothing under emulation.
FROM --platform=$BUILDPLATFORM ${BUILDER} AS builder
WORKDIR /galley
ARG PLATFORM
ARG BUILDPLATFORM
ARG TARGETPLATFORM
ARG BASE
# An image that says the wrong platform is worse than none. The classic builder, which tells no TARGETPLATFORM, calls whatever
# begins with `scratch` an image for the machine that builds, --platform or not.
RUN say=; case "$BASE $PLATFORM" in \
        "scratch ${TARGETPLATFORM:-$BUILDPLATFORM}") ;; \
        "scratch "*) say="--platform $PLATFORM"; [ -n "$TARGETPLATFORM" ] || say="DOCKER_BUILDKIT=1 and $say" ;; \
    esac; if [ -n "$say" ]; then \
        echo "this file is for $PLATFORM: say $say, or --build-arg BASE= with an image for it" >&2; exit 1; \
    fi
# What galley depends on changes seldom, galley now and then, the blog every day: each in layers of its own.
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY scripts/cross scripts/cross-toolchain scripts/
RUN scripts/cross --dependencies "$BUILDPLATFORM" "$PLATFORM"
COPY themes themes
COPY src src
RUN scripts/cross "$BUILDPLATFORM" "$PLATFORM" && mkdir -p /out/state \
    && cp "dist/$(echo "$BUILDPLATFORM" | tr / -)/galley" /out/renderer \
    && cp "dist/$(echo "$PLATFORM" | tr / -)/galley" /out/galley

# The tests of the site: a dead link ends the build here.
FROM builder AS checked
COPY site site
RUN /out/renderer check site
RUN /out/renderer build site -o /out/site

# What `galley package` makes, too: the program, the folder of its state, the pages.
FROM --platform=$PLATFORM ${BASE}
COPY --from=builder /out/galley /galley
COPY --from=builder --chown=65532:65532 /out/state /var/lib/galley
COPY --from=checked /out/site /site
USER 65532:65532
EXPOSE 8080
VOLUME /var/lib/galley
STOPSIGNAL SIGTERM
ENV GALLEY_LISTEN=0.0.0.0:8080
ENV GALLEY_CONTROL=127.0.0.1:8081
LABEL org.opencontainers.image.title=galley
LABEL org.opencontainers.image.source=https://github.com/galley-blog/galley
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/galley", "health", "--ready"]
ENTRYPOINT ["/galley"]
CMD ["serve", "/site"]
