#!/usr/bin/env bash
# Search a recipe with a chief and two workers, played by three processes of this machine. On real machines run
# the chief's command on one and a worker's on each of the others, with the chief's address, and one `--to` on a
# file system that all see. A worker that was killed goes on when its command is run again; so does the chief.
#
#   examples/tune-two-workers.sh lenet5-digits runs/search --set train.epochs=10
#
# In two shells, for instance of two machines (the chief trains nothing, and runs beside the first worker):
#
#   export KERASTUNER_ORACLE_IP=10.0.0.1 KERASTUNER_ORACLE_PORT=29880
#   KERASTUNER_TUNER_ID=chief   kerasnets tune lenet5-digits --to /shared/search --resume &
#   KERASTUNER_TUNER_ID=worker1 kerasnets tune lenet5-digits --to /shared/search
#
#   export KERASTUNER_ORACLE_IP=10.0.0.1 KERASTUNER_ORACLE_PORT=29880
#   KERASTUNER_TUNER_ID=worker2 kerasnets tune lenet5-digits --to /shared/search
set -euo pipefail
recipe=$1 search=$2
shift 2
export KERASTUNER_ORACLE_IP=127.0.0.1 KERASTUNER_ORACLE_PORT=29880
parts=()
for part in chief worker1 worker2; do
  KERASTUNER_TUNER_ID=$part kerasnets tune "$recipe" --to "$search" --resume "$@" &
  parts+=($!)
done
trap 'kill "${parts[@]}" 2>/dev/null; wait; exit 130' INT TERM  # all save; bash has its jobs ignore Ctrl-C
code=0
for part in "${parts[@]}"; do
  wait "$part" || code=$?
done
exit "$code"
