# shellcheck shell=bash
# Sourced by the scripts: lets the factory pull from the lab and push to it. This is all that the factory is told of it.

FACTORY_MIRROR="${FACTORY_MIRROR:-$(scripts/lab mirrors)}"
export FACTORY_MIRROR
# Steps of builds find the lab's servers on the loopback address, and pip finds its index by this.
export FACTORY_NETWORK="${FACTORY_NETWORK:-host}"
export FACTORY_PIP_CONF="${FACTORY_PIP_CONF:-${XDG_CACHE_HOME:-$HOME/.cache}/lambda-factory/lab/files/pip.conf}"
export FACTORY_REGISTRY="${FACTORY_REGISTRY:-127.0.0.1:${LAB_PORT:-5000}/factory/lambda}"
# The lab's stand-ins have digests of their own, so they get a lock of their own.
export FACTORY_LOCK="${FACTORY_LOCK:-build/lab.lock}"
# What of them has no interpreter, and so is not invoked.
export FACTORY_SKIP_TESTS="${FACTORY_SKIP_TESTS:-tools/lab/coverage.toml}"
# What `scripts/lab tools` brings, unless the machine has its own.
export PATH="$PATH:${XDG_CACHE_HOME:-$HOME/.cache}/lambda-factory/lab/programs/usr/bin"
