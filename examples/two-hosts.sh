#!/usr/bin/env bash
# Train one recipe on two hosts, played by two processes of this machine. On real hosts run one such command on
# each, with the real addresses and one `--run` on a file system that both see.
#
#   examples/two-hosts.sh lenet5-digits runs/two-hosts --set train.epochs=5
#   examples/two-hosts.sh lenet5-digits runs/two-by-two --set train.devices=2     # two devices each
set -euo pipefail
recipe=$1 run=$2
shift 2
cluster='{"worker": ["127.0.0.1:29771", "127.0.0.1:29772"]}'
hosts=()
for index in 0 1; do
  TF_CONFIG="{\"cluster\": $cluster, \"task\": {\"type\": \"worker\", \"index\": $index}}" \
    kerasnets train "$recipe" --run "$run" --resume --set data.streams=2 "$@" &
  hosts+=($!)
done
trap 'kill "${hosts[@]}" 2>/dev/null; wait; exit 130' INT TERM  # both save; bash has its jobs ignore Ctrl-C
code=0
for host in "${hosts[@]}"; do
  wait "$host" || code=$?
done
exit "$code"
