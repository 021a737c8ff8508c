#!/usr/bin/env bash
# Ansible beside lrun: readiness, graceful stop, start and verify on a modelled pool of twelve servers whose actions take
# no time, served by lrun serve on this machine, in upgrade domains of one server. What is left is what the tools
# themselves take, and the endpoint. Every run has an endpoint of its own that is fresh, and afterwards the log of the
# servers has to show each of them stopped and started exactly once; else the exit code is 1. At the end, one step of
# lrun on a shell that is kept open, beside the bare round trips of its messages.
#
# Ansible does it in three ways: with four tasks a server and nothing else; with the looks that lrun takes by itself; and
# on all servers at once, which takes the pool down and is no procedure, but is as fast as it gets.
#
# Usage: bench/ansible.sh [--quick] [--runs N] [--auth basic|ntlm]
#   --quick   one run each and no figures of the step: whether both still do the steps
#   --runs    of each; 3. Best and median are printed
#   --auth    how both log on; basic, which costs Ansible the least
# Needs go, ansible-playbook, and python3 with winrm. It installs nothing and talks to 127.0.0.1 alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runs=3 auth=basic quick=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1 runs=1 ;;
    --runs) runs=${2:?--runs wants a number} && shift ;;
    --auth) auth=${2:?--auth wants basic or ntlm} && shift ;;
    *) sed -n '/^# Usage/,/^# Needs/s/^# //p' "$0" >&2 && exit 2 ;;
  esac
  shift
done
case $runs in '' | *[!0-9]* | 0) echo "--runs $runs: want a number of 1 or more" >&2 && exit 2 ;; esac
case $auth in basic | ntlm) ;; *) echo "--auth $auth: want basic or ntlm" >&2 && exit 2 ;; esac
missing=()
command -v go >/dev/null || missing+=("go")
command -v ansible-playbook >/dev/null || missing+=("ansible-playbook (Debian: ansible)")
/usr/bin/python3 -c 'import winrm' 2>/dev/null || missing+=("the Python module winrm for /usr/bin/python3 (Debian: python3-winrm)")
if [ "${#missing[@]}" -gt 0 ]; then
  printf 'missing: %s\n' "${missing[@]}" >&2
  exit 1
fi

tmp=$(mktemp -d)
server=
cleanup() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
(cd "$here/.." && go build -o "$tmp/lrun" ./cmd/lrun)

mkdir "$tmp/home"
: >"$tmp/ansible.cfg"
export LRUN_PASSWORD=for-the-rehearsal-1
# Both sides run in an environment that holds nothing of the user's.
alone=(env -i "PATH=$PATH" "HOME=$tmp/home" LC_ALL=C.UTF-8 "LRUN_PASSWORD=$LRUN_PASSWORD" no_proxy='*' NO_PROXY='*'
  "ANSIBLE_CONFIG=$tmp/ansible.cfg" "ANSIBLE_HOME=$tmp/home" "ANSIBLE_LOCAL_TEMP=$tmp/home/tmp" ANSIBLE_FORKS=12 ANSIBLE_NOCOLOR=1
  ANSIBLE_RETRY_FILES_ENABLED=false PYTHONWARNINGS=ignore)
if [ "$auth" = ntlm ]; then
  # The MD4 of NTLM is in OpenSSL's legacy provider, which Debian does not load.
  printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]' 'default = on' 'legacy = on' '[on]' 'activate = 1' >"$tmp/openssl.cnf"
  alone+=("OPENSSL_CONF=$tmp/openssl.cnf")
fi

{
  echo 'pool: pool01.contoso.com'
  echo 'product: lync2013'
  echo 'domains:'
  for n in $(seq 12); do printf '  UD%d: [fe%02d.contoso.com]\n' "$n" "$n"; done
  echo 'connect: {user: lync-admin}'
  echo 'model: {users: 80000, sessions: 4000, drain: 0s, stop: 0s, start: 0s, settle: 0s, verify: 0s}'
} >"$tmp/twelve.pool.yaml"

# serve SCALE begins a fresh endpoint and writes the files by which both sides reach it.
serve() {
  rm -rf "$tmp/served.pool.yaml" "$tmp/state"
  "$tmp/lrun" serve --pool "$tmp/twelve.pool.yaml" --listen 127.0.0.1:0 --auth "$auth" --time-scale "$1" \
    --write-pool "$tmp/served.pool.yaml" --log "$tmp/servers.log" >"$tmp/served.txt" 2>&1 &
  server=$!
  until [ -s "$tmp/served.pool.yaml" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$tmp/served.txt" >&2 && exit 1; }
    sleep 0.05
  done
  {
    sed -n 's/^  fe\([0-9]*\)\.contoso\.com  *127\.0\.0\.1:\([0-9]*\)$/\1 \2/p' "$tmp/served.txt" | while read -r n port; do
      printf '[UD%d]\nfe%s ansible_port=%s\n' "$((10#$n))" "$n" "$port"
    done
    echo '[pool:children]'
    for n in $(seq 12); do echo "UD$n"; done
    printf '%s\n' '[pool:vars]' ansible_host=127.0.0.1 ansible_connection=winrm ansible_winrm_scheme=http ansible_shell_type=powershell \
      "ansible_winrm_transport=$auth" ansible_user=lync-admin "ansible_password=$LRUN_PASSWORD"
  } >"$tmp/inventory"
}

# run NAME SCALE COMMAND… times a command on a fresh endpoint and sees to it that the steps were done. A line of
# NAME.txt is: seconds of the wall, of the command's processors, of the endpoint's; messages, commands.
run() {
  local name=$1 times endpoint messages
  serve "$2"
  shift 2
  TIMEFORMAT='%R %U %S'
  if ! times=$({ time (cd "$tmp" && "${alone[@]}" "$@" >"$tmp/out" 2>"$tmp/err"); } 2>&1); then
    echo "$name failed:" >&2
    tail -n 40 "$tmp/out" "$tmp/err" >&2
    exit 1
  fi
  endpoint=$(awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13) / hz}' "/proc/$server/stat" 2>/dev/null || echo 0)
  kill "$server"
  wait "$server" || true
  server=
  messages=$(sed -n 's/^\([0-9]*\) messages came, with \([0-9]*\) commands$/\1 \2/p' "$tmp/served.txt")
  /usr/bin/python3 "$here/ansible/steps_done.py" "$name" "$tmp/servers.log"
  echo "$times" | awk -v e="$endpoint" -v m="$messages" '{print $1, $2 + $3, e, m}' >>"$tmp/$name.txt"
}

playbook=(ansible-playbook -i "$tmp/inventory")
for _ in $(seq "$runs"); do
  run lrun 1 "$tmp/lrun" exec "$here/ansible/steps.lrun" --pool "$tmp/served.pool.yaml" --state "$tmp/state" --yes --json
  cp "$tmp/out" "$tmp/events.json"
  run ansible 1 "${playbook[@]}" -e width=1 "$here/ansible/steps.yml"
  run ansible-careful 1 "${playbook[@]}" "$here/ansible/careful.yml"
  # Where all servers go down at once the model takes five of its seconds to find out; a thousand a second take those off.
  run ansible-at-once 1000 "${playbook[@]}" -e width=12 "$here/ansible/steps.yml"
done
/usr/bin/python3 "$here/ansible/figures.py" "$auth" "$tmp" "$runs"
if [ -z "$quick" ]; then
  echo
  echo "One step of lrun, a verify, on a shell that is kept open, and the bare round trips of its messages:"
  (cd "$here/.." && go test ./winrm -run '^$' -bench '^BenchmarkStep$') | sed -n 's/^BenchmarkStep/  BenchmarkStep/p'
fi
