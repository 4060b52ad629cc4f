# shellcheck shell=bash
# Sourced by the scripts: lets the factory pull from the lab and push to it. This is all that the factory is told of it.

export FACTORY_MIRROR="public.ecr.aws=127.0.0.1:${LAB_PORT:-5000}"
export FACTORY_REGISTRY="${FACTORY_REGISTRY:-127.0.0.1:${LAB_PORT:-5000}/factory/lambda}"
# The lab's stand-ins have digests of their own, so they get a lock of their own.
export FACTORY_LOCK="${FACTORY_LOCK:-build/lab.lock}"
