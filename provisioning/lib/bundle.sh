# shellcheck shell=bash
# A bundle is a plain tar of regular files whose first two members are MANIFEST and its Ed25519 signature.
# Nothing of it is used before its signature, its list and every hash are right; and what is unpacked is hashed again.

PATH_FORM='^[A-Za-z0-9._+~/-]{1,200}$'

kiosk_stream() { cat -- "$BUNDLE"; }

# A release lies beside the kiosk's file, or inside it.
release_stream() {
  case $(cat "$WORK/release.at") in
  inside) tar -xOf "$BUNDLE" release.tar ;;
  *) cat -- "$(cat "$WORK/release.at")" ;;
  esac
}

# field KIND KEY: a line of the manifest's head.
field() { sed -n "/^\$/q;s/^$2: //p" "$WORK/$1.manifest"; }

# hash_of KIND PATH
hash_of() { awk -v path="$2" 'length($0) > 66 && substr($0, 67) == path { print substr($0, 1, 64) }' "$WORK/$1.manifest"; }

# paths KIND: what the manifest lists.
paths() { sed '1,/^$/d' "$WORK/$1.manifest" | cut -c 67-; }

# check_members KIND FILE: a whole tar of regular files, the manifest and its signature first.
check_members() {
  local kind=$1 name=$2 kinds
  if ! "${kind}_stream" | LC_ALL=C tar --numeric-owner --quoting-style=escape -tvf - >"$WORK/$kind.list" 2>>"$(log_file)"; then
    fail bundle_torn "$name"
  fi
  kinds=$(cut -c 1 "$WORK/$kind.list" | sort -u | tr -d '\n')
  [ "$kinds" = - ] || fail bundle_files "$name"
  awk '{ print $6 }' "$WORK/$kind.list" >"$WORK/$kind.members"
  [ "$(head -n 2 "$WORK/$kind.members" | tr '\n' ' ')" = 'MANIFEST MANIFEST.sig ' ] || fail bundle_strange "$name"
}

# check_signature KIND FILE: of the manifest, by the owner's key.
check_signature() {
  local kind=$1 name=$2
  "${kind}_stream" | tar -xOf - MANIFEST >"$WORK/$kind.manifest" || fail bundle_torn "$name"
  "${kind}_stream" | tar -xOf - MANIFEST.sig >"$WORK/$kind.sig" || fail bundle_torn "$name"
  openssl pkeyutl -verify -pubin -inkey "$KEY" -rawin -in "$WORK/$kind.manifest" -sigfile "$WORK/$kind.sig" \
    >>"$(log_file)" 2>&1 || fail bundle_signature "$name"
}

# check_manifest KIND FILE: its head has the keys of its kind in their order, its lines are hashes, sorted by path.
check_manifest() {
  local kind=$1 name=$2 keys='pana-bundle 1 kind version made-at'
  [ "$kind" = release ] || keys="$keys kiosk number release"
  [ "$(sed '/^$/,$d;s/: .*//' "$WORK/$kind.manifest" | tr '\n' ' ')" = "$keys " ] || fail bundle_strange "$name"
  [ "$(field "$kind" kind)" = "$kind" ] || fail bundle_strange "$name"
  if sed '1,/^$/d' "$WORK/$kind.manifest" | grep -qvE '^[0-9a-f]{64}  .'; then fail bundle_strange "$name"; fi
  paths "$kind" >"$WORK/$kind.paths"
  if grep -qvE "$PATH_FORM" "$WORK/$kind.paths"; then fail bundle_strange "$name"; fi
  if grep -qE '^/|//|/$|^MANIFEST(\.sig)?$|(^|/)\.\.?(/|$)' "$WORK/$kind.paths"; then fail bundle_strange "$name"; fi
  LC_ALL=C sort -cu "$WORK/$kind.paths" 2>/dev/null || fail bundle_strange "$name"
}

# check_hashes KIND FILE: every member is listed once, every listed path is there and is what it was. One pass, no disk.
check_hashes() {
  local kind=$1 name=$2 first
  sed 1,2d "$WORK/$kind.members" | LC_ALL=C sort >"$WORK/$kind.sorted"
  first=$(LC_ALL=C diff "$WORK/$kind.paths" "$WORK/$kind.sorted" | sed -n '/^[<>] /{s///p;q}') || :
  [ -z "$first" ] || fail bundle_damaged "$name" "$first"
  mkdir -p "$WORK/void"
  # shellcheck disable=SC2016 # tar's own shell puts the values in
  "${kind}_stream" | (cd "$WORK/void" && tar -xf - \
    --to-command='sum=$(sha256sum); printf "%s  %s\n" "${sum%% *}" "$TAR_FILENAME"') 2>>"$(log_file)" |
    sed 1,2d | LC_ALL=C sort -k 2 >"$WORK/$kind.hashes" || fail bundle_torn "$name"
  first=$(sed '1,/^$/d' "$WORK/$kind.manifest" | LC_ALL=C sort -k 2 | diff - "$WORK/$kind.hashes" |
    sed -n '/^[<>] [0-9a-f]*  /{s///p;q}') || :
  [ -z "$first" ] || fail bundle_damaged "$name" "$first"
}

check_bundle() {
  check_members "$1" "$2"
  check_signature "$1" "$2"
  check_manifest "$1" "$2"
  check_hashes "$1" "$2"
}

# find_release: the one whose manifest the kiosk's file names, inside it or beside it.
find_release() {
  local wanted at
  wanted=$(field kiosk release)
  if grep -qx release.tar "$WORK/kiosk.paths"; then
    echo inside >"$WORK/release.at"
    return 0
  fi
  for at in "$(dirname -- "$BUNDLE")"/*.tar; do
    if [ ! -f "$at" ] || [ "$at" = "$BUNDLE" ]; then continue; fi
    if [ "$(tar -xOf "$at" --occurrence=1 MANIFEST 2>/dev/null | sha256sum | cut -d ' ' -f 1)" = "$wanted" ]; then
      echo "$at" >"$WORK/release.at"
      return 0
    fi
  done
  fail release_missing "$(field kiosk version)"
}

# from_kiosk PATH FILE: one file of the kiosk's bundle, hashed as it is taken; fails when there is none.
from_kiosk() {
  grep -qx -- "$1" "$WORK/kiosk.paths" || return 1
  tar -xOf "$BUNDLE" -- "$1" >"$2"
  [ "$(sha256sum <"$2" | cut -d ' ' -f 1)" = "$(hash_of kiosk "$1")" ] || fail bundle_damaged "${BUNDLE##*/}" "$1"
}

# wanted_of_release: the paths that this board needs.
wanted_of_release() {
  grep -E "^(deb/pana-kiosk_|app/|pip/|voice/|(wheels|debs)/$TARGET/|requirements/$TARGET\.txt$)" "$WORK/release.paths"
}

# need_release: what this board needs of the release, unpacked below STATE/release and right.
need_release() {
  local folder=$ROOT$STATE/release
  if release_is_whole "$folder"; then return 0; fi
  rm -rf "$folder" "$folder.part"
  point
  note dir "$STATE" && mkdir -p "$folder.part"
  wanted_of_release >"$WORK/wanted"
  release_stream | tar -xf - -C "$folder.part" --no-same-owner --no-same-permissions -T "$WORK/wanted" \
    2>>"$(log_file)" || fail no_write "$STATE"
  cp "$WORK/release.manifest" "$folder.part/MANIFEST"
  chmod -R u=rwX,go=rX "$folder.part"
  release_is_whole "$folder.part" || fail bundle_damaged "$(field release version)" release
  sync -f "$folder.part"
  point
  mv -T "$folder.part" "$folder"
  sync -f "$folder"
}

release_is_whole() {
  cmp -s "$WORK/release.manifest" "$1/MANIFEST" || return 1
  wanted_of_release >"$WORK/wanted"
  awk 'NR == FNR { wanted[$0]; next }
    /^$/ { body = 1 }
    body && substr($0, 67) in wanted' "$WORK/wanted" "$WORK/release.manifest" >"$WORK/sums"
  (cd "$1" && sha256sum --status --strict -c "$WORK/sums") 2>/dev/null
}
