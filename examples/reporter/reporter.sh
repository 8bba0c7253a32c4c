#!/bin/sh
# Reports which device this is to posture-sync: host name, operating system and serial numbers, of macOS and Linux. To be run
# once a day as root; README.md beside this file says how. Neither the key nor the secret is ever in a command's arguments.
#
#   reporter.sh --url https://posture.example.com --key-file /etc/posture-sync-reporter/key
#     --state-file FILE  where the reporter keeps its secret; made at the first run
#     --spread SECONDS   waits for a random time first, so that not all devices report in the same second
#     --dry-run          prints what would be reported, and sends nothing
#
# REPORTER_ROOT is put before /sys, /proc and /etc: for containers that have the machine's elsewhere.
set -eu
umask 077
LC_ALL=C
export LC_ALL

fail() {
  printf '%s\n' "reporter.sh: $1" >&2
  exit "${2:-1}"
}

root=${REPORTER_ROOT:-}
url='' key_file='' state_file='' spread=0 dry_run=''
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=1 && shift && continue ;;
    --url | --key-file | --state-file | --spread) [ $# -ge 2 ] || fail "$1 needs a value" 2 ;;
    *) fail "there is no option $1; see the head of this file" 2 ;;
  esac
  case $1 in
    --url) url=${2%/} ;;
    --key-file) key_file=$2 ;;
    --state-file) state_file=$2 ;;
    --spread) spread=$2 ;;
  esac
  shift 2
done

random_hex() {
  od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}

# The first line of a file, without what no serial number has. Files of the device tree end in a zero byte.
first_line() {
  tr -d '\000' <"$1" | head -n 1 | tr -d '\001-\037'
}

# --- What this machine is. `serials` has one a line.

mac_value() {
  ioreg -rd1 -c IOPlatformExpertDevice | sed -n "s/^.*\"$1\" = \"\(.*\)\".*\$/\1/p" | head -n 1
}

linux_serials() {
  dmi=$root/sys/class/dmi/id
  if [ -d "$dmi" ]; then
    for name in product_serial board_serial chassis_serial; do
      [ -e "$dmi/$name" ] || continue
      # Told now: a report without them would look as if the machine had none.
      [ -r "$dmi/$name" ] || fail "$dmi/$name can only be read by root"
      first_line "$dmi/$name" && echo
    done
  elif command -v dmidecode >/dev/null 2>&1; then
    for name in system-serial-number baseboard-serial-number chassis-serial-number; do
      dmidecode -s "$name" | grep -v '^#' | head -n 1 || true
    done
  fi
  if [ -r "$root/proc/device-tree/serial-number" ]; then
    first_line "$root/proc/device-tree/serial-number" && echo
  fi
}

# What tells this machine from a copy of its disk.
linux_hardware() {
  for file in /sys/class/dmi/id/product_uuid /etc/machine-id; do
    [ -r "$root$file" ] && first_line "$root$file" && return
  done
  echo unknown
}

case $(uname -s) in
  Darwin)
    os=macOS default_state=/var/db/posture-sync-reporter/state
    hostname=$(scutil --get LocalHostName 2>/dev/null || hostname)
    serials=$(mac_value IOPlatformSerialNumber)
    hardware=$(mac_value IOPlatformUUID)
    ;;
  Linux)
    os=linux default_state=/var/lib/posture-sync-reporter/state
    hostname=$(uname -n)
    # Apart from the sorting, whose status would hide a failure.
    serials=$(linux_serials)
    # Other bytes than those of text are what nobody ever wrote there: read as text, different ones would be the same serial number.
    serials=$(printf '%s\n' "$serials" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /[^ -~]/d' | grep . | sort -u || true)
    hardware=$(linux_hardware)
    ;;
  *) fail "this script knows macOS and Linux, not $(uname -s)" ;;
esac

text() {
  printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037' | cut -c 1-255 | sed 's/[\\"]/\\&/g')"
}

facts() {
  printf '"os":%s,' "$(text "$os")"
  [ -z "$hostname" ] || printf '"hostname":%s,' "$(text "$hostname")"
  printf '"serialNumbers":['
  comma=''
  printf '%s\n' "$serials" | while IFS= read -r serial; do
    [ -n "$serial" ] || continue
    printf '%s%s' "$comma" "$(text "$serial")"
    comma=,
  done
  printf ']'
}

if [ -n "$dry_run" ]; then
  printf '{%s}\n' "$(facts)"
  exit 0
fi

# --- Where to, and with which key.

case $url in
  https://?*) protocol='=https' ;;
  http://localhost | http://localhost:* | http://127.0.0.1 | http://127.0.0.1:* | 'http://[::1]' | 'http://[::1]:'*) protocol='=http' ;;
  '') fail '--url is needed, as in --url https://posture.example.com' 2 ;;
  *) fail 'the URL must begin with https://; http is for this machine alone' 2 ;;
esac
# A name and a password before the host would make another host of it.
case $url in *[\"\\@[:space:]]*) fail 'the URL holds a character that none may hold' 2 ;; esac
case $spread in '' | *[!0-9]*) fail '--spread needs a number of seconds' 2 ;; esac
[ -n "$key_file" ] || fail '--key-file is needed' 2
[ -r "$key_file" ] || fail "the key file $key_file cannot be read"
for mode in 040 020 004 002; do
  [ -z "$(find -L "$key_file" -prune -perm -$mode)" ] || fail "the key file $key_file is open to others than its owner: chmod 600 $key_file"
done
key=$(tr -d '\r\n' <"$key_file")
case $key in '' | *[\"\\[:space:]]*) fail "the key file $key_file does not hold a key" ;; esac

# --- The reporter's secret, which makes this device its own. A copied disk in another machine gets another one.

state_file=${state_file:-$default_state}
mkdir -p "$(dirname "$state_file")"
secret=''
if [ -e "$state_file" ]; then
  [ -r "$state_file" ] || fail "the state file $state_file cannot be read"
  [ "$(sed -n 1p "$state_file")" = "$hardware" ] && secret=$(sed -n 2p "$state_file")
fi
if [ -z "$secret" ]; then
  secret=$(random_hex 24)
  # Kept before it is used: an answer that gets lost must not make a second device of this one.
  printf '%s\n%s\n' "$hardware" "$secret" >"$state_file.new"
  mv -f "$state_file.new" "$state_file"
fi

if [ "$spread" -gt 0 ]; then
  sleep $((0x$(random_hex 3) % spread))
fi

# --- The report. The key goes to curl in a file that only this user can read, the report on its standard input.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
printf 'header = "Authorization: Bearer %s"\n' "$key" >"$scratch/config"
status=$(
  printf '{"reporterSecret":"%s",%s}' "$secret" "$(facts)" |
    curl --config "$scratch/config" --silent --show-error --proto "$protocol" --max-time 30 \
      --retry 3 --retry-max-time 120 --header 'Content-Type: application/json' --data-binary @- \
      --output "$scratch/answer" --write-out '%{http_code}' "$url/api/v2/tailnet/-/devices/report"
) || fail "$url could not be reached"
answer=$(head -c 2000 "$scratch/answer" 2>/dev/null | tr -d '\000-\037' || true)
[ "$status" = 200 ] || fail "refused with status $status: $answer"
printf '%s\n' "$answer"
