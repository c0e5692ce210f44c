#!/usr/bin/env bash
# A search on a SLURM cluster: the chief beside the first worker, a worker with one GPU on each node.
#
#   sbatch examples/tune-slurm.sh resnet20-cifar10 /shared/search
#
# A job that is requeued or submitted anew goes on where it was. SIGTERM before the time limit has all trials save.
#SBATCH --job-name=kerasnets-tune
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --requeue
#SBATCH --signal=TERM@120
set -euo pipefail
recipe=$1 search=$2
shift 2
KERASTUNER_ORACLE_IP=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export KERASTUNER_ORACLE_IP
export KERASTUNER_ORACLE_PORT=$((20000 + SLURM_JOB_ID % 10000))
export recipe search
# the chief needs no GPU, and listens on all addresses of the first node
KERASTUNER_TUNER_ID=chief KERASTUNER_ORACLE_IP=0.0.0.0 CUDA_VISIBLE_DEVICES='' \
  kerasnets tune "$recipe" --to "$search" --resume "$@" &
chief=$!
trap 'kill "$chief" 2>/dev/null' TERM
srun --kill-on-bad-exit=0 bash -c \
  'KERASTUNER_TUNER_ID=worker$SLURM_PROCID exec kerasnets tune "$recipe" --to "$search" "$@"' worker "$@"
wait "$chief"
