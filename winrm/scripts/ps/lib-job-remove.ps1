# Removes the task and the folder of a job that does not run.
function Remove-LrunJob($id) {
    $folder = Get-LrunJobFolder $id
    $service = Connect-LrunScheduler
    $task = Get-LrunTask $service $id
    if ($null -ne $task) {
        if ([int]$task.State -eq 4 -or [int]$task.State -eq 2) {
            throw 'the job still runs'
        }
        $service.GetFolder('\').DeleteTask('lrun-' + [string]$id, 0)
    }
    if (Test-Path -LiteralPath $folder) {
        Remove-Item -LiteralPath $folder -Recurse -Force
    }
}
