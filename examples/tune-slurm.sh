#!/usr/bin/env bash
# A search on a SLURM cluster: the chief beside the first worker, a worker with one GPU on each node.
#
#   sbatch examples/tune-slurm.sh resnet20-cifar10 /shared/search
#
# Two minutes before the time limit all trials save. A job that is requeued or submitted anew goes on with them.
#SBATCH --job-name=kerasnets-tune
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
set -euo pipefail
export recipe=$1 search=$2
shift 2
KERASTUNER_ORACLE_IP=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export KERASTUNER_ORACLE_IP
export KERASTUNER_ORACLE_PORT=$((20000 + SLURM_JOB_ID % 10000))

# Runs a part of the search, again where it was killed, as for want of memory. It saves at SIGTERM; the shell waits.
part() {
  trap : TERM
  for _ in {1..20}; do
    kerasnets tune "$recipe" --to "$search" "$@" && return
    code=$?
    ((code == 137)) || return "$code"
  done
  return "$code"
}
export -f part

# the chief needs no GPU, and listens on all addresses of the first node
KERASTUNER_TUNER_ID=chief KERASTUNER_ORACLE_IP=0.0.0.0 CUDA_VISIBLE_DEVICES='' part --resume "$@" &
chief=$!
srun --kill-on-bad-exit=0 bash -c 'KERASTUNER_TUNER_ID=worker$SLURM_PROCID part "$@"' worker "$@" &
workers=$!
# ends chief and workers; a part that has ended by itself is no error
end() {
  scancel --signal=TERM "$SLURM_JOB_ID" || true
  pkill -P "$chief" || true
  wait
  exit 143
}
trap end TERM
wait "$workers" || true
timeout 60 tail --pid="$chief" -f /dev/null || pkill -P "$chief" || true  # no worker is left to wait for
wait "$chief"
