#!/usr/bin/env bash
# What sshd runs, whatever it is asked for: it asks the stand-in, at a port of loopback. The answer is
# a line with the status, one that goes to standard error, and then what is printed.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf '%s\n' "$SSH_ORIGINAL_COMMAND" >&3
if ! read -r status <&3 || ! IFS= read -r complaint <&3; then
  echo "the stand-in is gone" >&2
  exit 1
fi
cat <&3
printf '%s' "$complaint" >&2
exit "$status"
