# Starts work that outlives the connection, as a scheduled task. It can be called again with the same id: a job that
# has begun is left alone, and one of another content is refused.
# args: id, request (base64 of what job-run executes), runner (the text of job-run), command (what starts it, as
#       base64 of UTF-16; a task's arguments are too short for all of it),
#       account: 'SYSTEM', 'DOMAIN\user', 'DOMAIN\name$' (a managed service account), or '' for the caller without a
#       right to other machines; guard: 'run' refuses while a job of another run is going, 'alone' while any other is
#       that does more than read, '' never. The password of DOMAIN\user is the second line of the input
# out:  begun (bool) it had begun before this call
param($a)
# include: lib-folder
# include: lib-job
# include: lib-job-start

$begun = Start-LrunJob $a
@{ begun = $begun }
