# How a job stands. Reads only.
# args: id, offset (bytes of the log already read)
# out:  exists, begun, void (it was withdrawn before it had begun, and never will), begunBoot, boot, task (none, disabled, queued, ready, running, unknown), taskResult,
#       done, exit (what the installer of an upgrade left as soon as it had ended, as text), result (JSON text), log (base64), offset, size
param($a)
# include: lib-boot
# include: lib-folder
# include: lib-job
# include: lib-job-status

Get-LrunJobStatus $a.id $a.offset
