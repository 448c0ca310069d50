#!/usr/bin/env bash
# Brings the real servers that the tests talk to: a broker, Kafka, PostgreSQL, Prometheus, Chromium and
# the tools that build an image. Installs what this machine lacks and may have, starts nothing, and ends
# with one table of what is here and what will be skipped. A second run installs nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

KAFKA_VERSION=4.1.1
SLF4J_VERSION=1.7.36 # the last line that Kafka's own slf4j-api 1.7 binds to
KAFKA_LIB="$PWD/.cache/kafka/lib"
LOG="$PWD/.cache/setup.log"
export DEBIAN_FRONTEND=noninteractive
export PATH="$PATH:/usr/sbin:/sbin"

mkdir -p .cache/kafka
: >"$LOG"

say() { printf '  %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
postgres_bin() { find /usr/lib/postgresql -maxdepth 2 -name bin -type d 2>/dev/null | sort -V | tail -1; }
have_postgres() { have initdb || [ -x "$(postgres_bin)/initdb" ]; }
have_chromium() { [ -x /usr/bin/chromium ]; }
have_atomic() { ldconfig -p 2>/dev/null | grep -c 'libatomic.so.1' >/dev/null; } # Playwright's driver needs it
have_kafka() { [ -f "$KAFKA_LIB/kafka_2.13-$KAFKA_VERSION.jar" ] && [ -f "$KAFKA_LIB/.complete-$SLF4J_VERSION" ]; }

# --- Debian packages -------------------------------------------------------------------------------------

wanted_packages() {
    have mosquitto || echo mosquitto
    have_postgres || echo postgresql
    have prometheus || echo prometheus
    # Ubuntu's chromium package is a snap, which cannot be driven from here.
    have_chromium || [ "$(. /etc/os-release && echo "$ID")" = ubuntu ] || echo chromium fonts-liberation
    have_atomic || echo libatomic1
    have java || echo default-jre-headless
    have mvn || have_kafka || echo maven
    have buildah || echo buildah
    have debootstrap || echo debootstrap
}

policy=/usr/sbin/policy-rc.d
forbid_services() { # Debian starts a service when its package is installed, unless this file says no.
    [ -e "$policy" ] && return
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
}

apt_get() { apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >>"$LOG" 2>&1; }
is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

install_packages() {
    local packages
    mapfile -t packages < <(wanted_packages | tr ' ' '\n')
    [ "${#packages[@]}" -gt 0 ] || return 0
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        say "not root on Debian or Ubuntu, so not installed: ${packages[*]}"
        return 0
    fi
    say "installing ${packages[*]} (a few minutes, once)"
    forbid_services
    apt_get update || say "the package lists could not be renewed; going on with those that are here"
    apt_get install --no-install-recommends "${packages[@]}" && return
    for package in "${packages[@]}"; do
        apt_get install --no-install-recommends "$package" || is_installed "$package" ||
            say "$package could not be installed (see .cache/setup.log)"
    done
}

# --- Kafka -----------------------------------------------------------------------------------------------

fetch_kafka() {
    have_kafka && return
    have mvn && have java || { say "no maven and java, so no Kafka"; return 0; }
    say "fetching Kafka $KAFKA_VERSION"
    cat >.cache/kafka/pom.xml <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>endcap</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>$SLF4J_VERSION</version></dependency>
  </dependencies>
  <build><plugins>
    <plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version></plugin>
  </plugins></build>
</project>
POM
    rm -rf "$KAFKA_LIB"
    if mvn -B -q --strict-checksums -f .cache/kafka/pom.xml dependency:copy-dependencies \
        -DoutputDirectory="$KAFKA_LIB" >>"$LOG" 2>&1 </dev/null; then
        touch "$KAFKA_LIB/.complete-$SLF4J_VERSION"
    else
        say "Kafka could not be fetched (see .cache/setup.log)"
    fi
}

# --- The table -------------------------------------------------------------------------------------------

row() { # row NAME VERSION SKIPPED: an empty version means that it is not here.
    if [ -n "$2" ]; then
        printf '  %-12s %-28s %s\n' "$1" "$2" "available"
    else
        printf '  %-12s %-28s %s\n' "$1" "-" "SKIPPED: $3"
    fi
}
version() { { "$@" 2>&1 || true; } | grep -oE '[0-9]+(\.[0-9]+)+' | sed -n 1p | grep . || echo present; }

table() {
    local mosquitto='' kafka='' postgres='' prometheus='' chromium='' image=''
    have mosquitto && mosquitto=$(version mosquitto -h)
    have_kafka && have java && kafka="$KAFKA_VERSION on Java $(version java -version)"
    have_postgres && postgres=$(PATH="$PATH:$(postgres_bin)" version postgres --version)
    have prometheus && prometheus=$(version prometheus --version)
    have_chromium && chromium=$(version chromium --version)
    have buildah && have debootstrap && image="buildah $(version buildah --version)"
    echo
    printf '  %-12s %-28s %s\n' server version tests
    row mosquitto "$mosquitto" "tests over MQTT"
    row kafka "$kafka" "tests of the way to and from head office"
    row postgresql "$postgres" "the cloud on PostgreSQL (SQLite is still tested)"
    row prometheus "$prometheus" "metrics and alert rules"
    row chromium "$chromium" "pages in a browser"
    row image "$image" "building and starting Dockerfile.edge"
    echo
}

install_packages
fetch_kafka
table
