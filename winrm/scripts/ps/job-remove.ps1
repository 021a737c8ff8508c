# Removes the task and the folder of a job that does not run. No error where they are gone already.
# args: id
# out:  removed
param($a)
# include: lib-folder
# include: lib-job
# include: lib-job-remove

Remove-LrunJob $a.id
@{ removed = $true }
