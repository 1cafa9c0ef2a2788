#!/bin/sh
# Serves a folder by ganesha, where nobody else is, and reads one of its files as a client does. It is
# run in namespaces of its own, and all that it has started ends with it.
# serve-and-read.sh CONFIGURATION LOG FOLDER FILE INTO
set -e
PATH="$PATH:/usr/sbin:/sbin"
ip link set lo up
# What rpcbind and ganesha keep for themselves is not the host's.
for folder in /run /var/lib/nfs; do
  mkdir -p "$folder"
  mount -t tmpfs tmpfs "$folder"
done
mkdir -p /run/rpcbind /run/ganesha /var/lib/nfs/ganesha
rpcbind -f &
rpcbind=$!
until [ -S /run/rpcbind.sock ]; do
  kill -0 "$rpcbind"
  sleep 0.05
done
ganesha.nfsd -F -f "$1" -L "$2" -p /run/ganesha.pid &
ganesha=$!
until nfs-ls "nfs://127.0.0.1$3" >/dev/null 2>&1; do
  kill -0 "$ganesha"
  sleep 0.1
done
nfs-cp "nfs://127.0.0.1$3/$4" "$5" >/dev/null
