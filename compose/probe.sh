#!/bin/bash
# Exit 0 when Pit is ready: GET /readyz on the ops port of this container, in bash alone.
set -eu
exec 3<>"/dev/tcp/${OPS_HOST:-127.0.0.1}/${OPS_PORT:-9998}"
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 2 status <&3
case $status in 'HTTP/1.1 200'*) ;; *) echo "$status" >&2; exit 1 ;; esac
