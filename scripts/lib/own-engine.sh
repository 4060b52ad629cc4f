# shellcheck shell=bash
# Sourced by the scripts, after say.sh: a Docker engine of the script's own beside the machine's, which stays as it is.
#
# own_engine NAME LOG starts it and sets $own_host, its DOCKER_HOST. It ends with the script, with all that it kept; what a
# script that was killed left is cleared by the next one.

own_engine() {
  own_root=/var/lib/lambda-factory/$1 own_bridge=lf-$1
  own_host=unix://$own_root/socket
  ((EUID == 0)) || die "a Docker engine of its own takes root"
  mkdir -p "${own_root%/*}"
  exec {own_lock}> "/run/lambda-factory-$1.lock"
  flock --nonblock "$own_lock" || die "another run uses $own_root; wait for its end"
  own_engine_end
  trap own_engine_end EXIT
  mkdir "$own_root"
  own_engine_bridge
  own_engine_configure
  # A session of its own: a Ctrl-C in the terminal is not meant for it. The lock is the script's alone.
  setsid dockerd --config-file "$own_root/dockerd.json" > "$2" 2>&1 < /dev/null {own_lock}>&- &
  for _ in $(seq 300); do
    DOCKER_HOST=$own_host docker info > /dev/null 2>&1 && return
    sleep 0.2
  done
  die "the engine in $own_root does not answer; its log is $2"
}

# A network that no other interface has, for the ports that containers publish.
own_engine_bridge() {
  local third
  for third in $(seq 250 -1 200); do
    [ -n "$(ip -oneline address show to "172.31.$third.0/24")" ] || break
  done
  ip link add name "$own_bridge" type bridge
  ip address add "172.31.$third.1/24" dev "$own_bridge"
  ip link set "$own_bridge" up
}

# Nothing of iptables: the first engine's rules stay as they are, and ports are published by a proxy. A bridge of its own,
# and never "none": an engine that is to have none removes docker0, whosever that is. Names of its own, should it meet a
# containerd that is the machine's.
own_engine_configure() {
  cat > "$own_root/dockerd.json" << JSON
{
  "features": {"containerd-snapshotter": true},
  "data-root": "$own_root/data", "exec-root": "$own_root/exec", "pidfile": "$own_root/pid",
  "containerd-namespace": "$own_bridge", "containerd-plugins-namespace": "$own_bridge-plugins",
  "hosts": ["unix://$own_root/socket"],
  "bridge": "$own_bridge", "iptables": false, "ip6tables": false, "ip-forward": false
}
JSON
}

# Ends the engine, then its helpers if it had no time to, then what they kept.
own_engine_end() {
  local program pid
  for program in dockerd containerd containerd-shim; do
    for pid in $(own_processes "$program"); do own_end "$pid"; done
  done
  ip link delete "$own_bridge" 2> /dev/null || true
  awk -v root="$own_root/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort --reverse |
    xargs --no-run-if-empty umount --lazy
  rm -rf "$own_root"
}

# own_end PID: asks a process to end, and ends it when it has not after 30 s.
own_end() {
  kill "$1" 2> /dev/null || return 0
  for _ in $(seq 150); do
    [ -e "/proc/$1" ] || return 0
    sleep 0.2
  done
  kill -KILL "$1" 2> /dev/null || true
}

# own_processes PROGRAM: the pids of those that were started with a file of our own as an argument.
own_processes() {
  local directory
  for directory in /proc/[0-9]*; do
    [[ $(cat "$directory/comm" 2> /dev/null) == "$1" ]] || continue
    tr '\0' '\n' 2> /dev/null < "$directory/cmdline" | grep -q "^\(.*=\)\?$own_root/" || continue
    printf '%s\n' "${directory#/proc/}"
  done
}
