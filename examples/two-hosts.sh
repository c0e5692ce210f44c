#!/usr/bin/env bash
# Train one recipe on two hosts, played by two processes of this machine. On real hosts run one such command on
# each, with the real addresses and one `--run` on a file system that both see.
#
#   examples/two-hosts.sh lenet5-digits runs/two-hosts --set train.epochs=5
set -euo pipefail
recipe=$1 run=$2
shift 2
cluster='{"worker": ["127.0.0.1:29771", "127.0.0.1:29772"]}'
for index in 1 0; do
  TF_CONFIG="{\"cluster\": $cluster, \"task\": {\"type\": \"worker\", \"index\": $index}}" \
    kerasnets train "$recipe" --run "$run" --resume --set data.streams=2 "$@" &
done
wait %1
wait %2
