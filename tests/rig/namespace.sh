#!/bin/bash
# namespace.sh up NAME     a network namespace with 10.99.0.1 to .60 on v0, for phones that refuse loopback; no way out
# namespace.sh down NAME
set -eu
case $1 in
up) ip netns add "$2"
    ip -n "$2" link set lo up
    ip -n "$2" link add v0 type veth peer name v1
    ip -n "$2" link set v0 up
    ip -n "$2" link set v1 up
    for host in $(seq 1 60); do ip -n "$2" addr add "10.99.0.$host/24" dev v0; done
    ip -n "$2" route add default dev v0 ;;
down) ip netns del "$2" ;;
*) echo "usage: namespace.sh up|down NAME" >&2; exit 2 ;;
esac
