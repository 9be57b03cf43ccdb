#!/usr/bin/env bash
# Stops with what to install unless there is a Java that can start Spark 4.2: 17 or newer, with the
# module jdk.incubator.vector. Looks where Spark looks: JAVA_HOME first, then PATH.
set -euo pipefail

minimum=17

fail() {
    cat >&2 <<MESSAGE
setup: Spark needs Java ${minimum} or newer.
  found     $1
  install   Debian, Ubuntu:  sudo apt-get install openjdk-17-jre-headless
            Fedora, RHEL:    sudo dnf install java-17-openjdk-headless
            macOS:           brew install --cask temurin@17
            elsewhere:       Eclipse Temurin 17 ("temurin-17-jre")
  then      run the command again. For a Java in a folder of its own, set JAVA_HOME to that folder.
MESSAGE
    exit 1
}

if [ -n "${JAVA_HOME:-}" ]; then
    java="$JAVA_HOME/bin/java"
    [ -x "$java" ] || fail "JAVA_HOME is $JAVA_HOME, and there is no bin/java in it"
else
    java=$(command -v java) || fail "no java on PATH, and JAVA_HOME is not set"
fi

works=yes
answer=$("$java" --add-modules jdk.incubator.vector -version 2>&1) || works=no
if [ "$works" = no ]; then # too old for the option, without the module, or not a Java at all
    answer=$("$java" -version 2>&1) || fail "$java, which does not run: $(head -n 1 <<<"$answer")"
fi

version=$(sed -n 's/.* version "\([^"]*\)".*/\1/p' <<<"$answer" | head -n 1)
major=${version#1.} # Java 8 calls itself 1.8
major=${major%%[!0-9]*}
[ -n "$major" ] || fail "$java, whose version is not to be read from: $(head -n 1 <<<"$answer")"
[ "$major" -ge "$minimum" ] || fail "$java, version $version"
[ "$works" = yes ] || fail "$java, version $version, cut down: it lacks the module jdk.incubator.vector"
