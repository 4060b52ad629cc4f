#!/bin/sh
# The stand-in's entrypoint. The official image's takes the handler too and starts AWS's emulator (RIE) when no
# Runtime API is there; the stand-in carries no RIE and says so.
if [ $# -ne 1 ]; then
    echo "entrypoint requires the handler name to be the first argument" 1>&2
    exit 142
fi
export _HANDLER="$1"

if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
    echo "this stand-in has no Runtime Interface Emulator: set AWS_LAMBDA_RUNTIME_API" 1>&2
    exit 1
fi
for bootstrap in /var/runtime/bootstrap /var/task/bootstrap /opt/bootstrap; do
    [ -x "$bootstrap" ] && exec "$bootstrap"
done
echo "no bootstrap in /var/runtime, /var/task or /opt" 1>&2
exit 1
