#!/usr/bin/env bash
# Write users.conf: who may say and hear what. Kiosks' ids come on stdin, one a line; arguments name responders.
#   kiosk monitor registry list --json | jq -r .kiosk_id | ./users.sh monitor-1 monitor-2 > users.conf
#   nats-server --signal reload
# The rules are those of ../acl: a kiosk speaks for itself only, a responder never raises an alert.
set -euo pipefail

quoted() {
  local line='' one
  for one in "$@"; do line+="${line:+, }\"$one\""; done
  printf '[%s]' "$line"
}

user() { # name, what it may say, what it may hear
  printf '  { user: "CN=%s", allowed_connection_types: ["MQTT"],\n' "$1"
  printf '    permissions: { publish: { allow: %s },\n                   subscribe: { allow: %s } } }\n' "$2" "$3"
}

checked() {
  if [[ ! $1 =~ ^[a-z0-9][a-z0-9-]{2,31}$ ]]; then
    printf 'users.sh: %q is no id: 3-32 small letters, digits and hyphens\n' "$1" >&2
    exit 2
  fi
}

# shellcheck disable=SC2016  # $MQTT is NATS's own name: how the gateway hands over what is kept for a session
inbox='$MQTT.sub.*'
echo 'users: ['
while read -r id; do
  [[ -z $id ]] && continue
  checked "$id"
  k="pana.v1.k.$id"
  user "$id" "$(quoted "$k.alert.*" "$k.event.*" "$k.cmdres.*" "$k.status" "$k.hb")" \
    "$(quoted "$k.ack.*" "$k.cmd.*" 'pana.v1.mon.*.status' "$inbox")"
done
for id in "$@"; do
  checked "$id"
  user "$id" "$(quoted 'pana.v1.k.*.ack.*' 'pana.v1.k.*.cmd.*' "pana.v1.mon.$id.status")" \
    "$(quoted 'pana.v1.k.>' 'pana.v1.mon.*.status' "$inbox")"
done
echo ']'
