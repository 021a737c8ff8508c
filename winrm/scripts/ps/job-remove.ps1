# Removes the task and the folder of a job that does not run. No error where they are gone already.
# args: id
# out:  removed
param($a)
# include: lib-folder
# include: lib-job

$folder = Get-LrunJobFolder $a.id
$service = Connect-LrunScheduler
$task = Get-LrunTask $service $a.id
if ($null -ne $task) {
    if ([int]$task.State -eq 4 -or [int]$task.State -eq 2) {
        throw 'the job still runs'
    }
    $service.GetFolder('\').DeleteTask('lrun-' + [string]$a.id, 0)
}
if (Test-Path -LiteralPath $folder) {
    Remove-Item -LiteralPath $folder -Recurse -Force
}
@{ removed = $true }
