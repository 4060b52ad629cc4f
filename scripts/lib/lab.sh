# shellcheck shell=bash
# Sourced by the scripts: lets the factory pull from the lab and push to it. This is all that the factory is told of it.

lab_files="127.0.0.1:$((${LAB_PORT:-5000} + 1))"
export FACTORY_MIRROR="public.ecr.aws=127.0.0.1:${LAB_PORT:-5000},lambci.s3.amazonaws.com=$lab_files/lambci.s3.amazonaws.com"
export FACTORY_REGISTRY="${FACTORY_REGISTRY:-127.0.0.1:${LAB_PORT:-5000}/factory/lambda}"
# The lab's stand-ins have digests of their own, so they get a lock of their own.
export FACTORY_LOCK="${FACTORY_LOCK:-build/lab.lock}"
