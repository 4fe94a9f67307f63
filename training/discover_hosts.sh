#!/bin/sh
# The machines that an elastic run may use, one `host:workers` a line, as
# `horovodrun --host-discovery-script` wants them.
#
#   HOSTS="node1:4,node2:4"   fixed hosts
#   HOSTS_FILE=hosts.txt      a file of such lines, read again each second: add
#                             and remove machines while the run goes on
#   in a SLURM job            the nodes of the job, WORKERS_PER_HOST each (or a
#                             worker for each GPU of the job's, or 1)
if [ -n "$HOSTS" ]; then
  echo "$HOSTS" | tr ',' '\n'
elif [ -n "$HOSTS_FILE" ]; then
  grep -v '^ *\(#\|$\)' "$HOSTS_FILE"
elif [ -n "$SLURM_JOB_NODELIST" ]; then
  workers=${WORKERS_PER_HOST:-${SLURM_GPUS_ON_NODE:-1}}
  scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/\$/:$workers/"
else
  echo "set HOSTS or HOSTS_FILE, or run within a SLURM job" >&2
  exit 2
fi
