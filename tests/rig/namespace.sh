#!/bin/bash
# namespace.sh up NAME       a network namespace with 10.99.0.1 to .60 on v0, for phones that refuse loopback; no way out
# namespace.sh behind NAME   two more: NAMEr, a router that translates addresses, and NAMEh, a home behind it
# namespace.sh down NAME
set -eu
case $1 in
up) ip netns add "$2"
    ip -n "$2" link set lo up
    ip -n "$2" link add v0 type veth peer name v1
    ip -n "$2" link set v0 up
    ip -n "$2" link set v1 up
    for host in $(seq 1 60); do ip -n "$2" addr add "10.99.0.$host/24" dev v0; done
    for host in 1 20 21; do ip -n "$2" addr add "fd99::$host/64" dev v0 nodad; done
    ip -n "$2" route add default dev v0 ;;
behind)
    router="$2r" home="$2h"
    ip netns add "$router"
    ip netns add "$home"
    ip -n "$router" link set lo up
    ip -n "$home" link set lo up
    ip -n "$2" link add r0 type veth peer name r1 netns "$router"
    ip -n "$2" addr add 10.99.1.1/24 dev r0
    ip -n "$2" link set r0 up
    ip -n "$router" addr add 10.99.1.2/24 dev r1
    ip -n "$router" link set r1 up
    ip -n "$router" route add default via 10.99.1.1
    ip -n "$router" link add h0 type veth peer name v0 netns "$home"
    ip -n "$router" addr add 192.168.7.1/24 dev h0
    ip -n "$router" link set h0 up
    for host in $(seq 10 20); do ip -n "$home" addr add "192.168.7.$host/24" dev v0; done
    ip -n "$home" link set v0 up
    ip -n "$home" route add default via 192.168.7.1
    ip netns exec "$router" sysctl -qw net.ipv4.ip_forward=1
    # Other ports too, so that nothing works by luck.
    for protocol in udp tcp; do
        ip netns exec "$router" iptables -t nat -A POSTROUTING -o r1 -p "$protocol" \
            -j MASQUERADE --to-ports 41000-41999 --random
    done ;;
down) ip netns del "$2" ;;
*) echo "usage: namespace.sh up|behind|down NAME" >&2; exit 2 ;;
esac
