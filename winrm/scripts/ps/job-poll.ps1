# How a job stands. Reads only.
# args: id, offset (bytes of the log already read)
# out:  exists, begun, void (it was withdrawn before it had begun, and never will), begunBoot, boot, task (none, disabled, queued, ready, running, unknown), taskResult,
#       done, result (JSON text), log (base64), offset, size
param($a)
# include: lib-boot
# include: lib-folder
# include: lib-job
# include: lib-job-status

Get-LrunJobStatus $a.id $a.offset
