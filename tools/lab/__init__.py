"""The lab: a registry on the loopback address with stand-ins for the upstream images."""
