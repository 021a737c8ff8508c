# Runs what only reads as a job: starts it, waits for its end and removes it, all in one call. Where the wait is over first
# the job stays, to be polled and removed. It can be called again with the same id.
# args: as of job-start, and wait (seconds)
# out:  as of job-poll; exists (bool) something of the job is left on the server
param($a)
# include: lib-boot
# include: lib-folder
# include: lib-job
# include: lib-job-start
# include: lib-job-status
# include: lib-job-remove

$null = Start-LrunJob $a
$folder = Get-LrunJobFolder $a.id
$file = Join-Path -Path $folder -ChildPath 'rc.txt'
$watch = [System.Diagnostics.Stopwatch]::StartNew()
while (-not [System.IO.File]::Exists($file) -and $watch.Elapsed.TotalSeconds -lt [int]$a.wait) {
    Start-Sleep -Milliseconds 100
}
$status = Get-LrunJobStatus $a.id 0
if ($status.done) {
    # The task needs a moment to end after it has written its result.
    for ($i = 0; $status.task -eq 'running' -and $i -lt 20; $i++) {
        Start-Sleep -Milliseconds 100
        $status = Get-LrunJobStatus $a.id 0
    }
    try {
        $null = Remove-LrunJob $a.id
        $status.exists = $false
    } catch {
        # The result is what was asked for. What stays behind is told, and is the caller's to remove.
        $status.exists = $true
    }
}
$status
