# Withdraws a job that has not begun: from then on it never begins, even where its task is late or a call that starts it
# still hangs. One that has begun is left alone. It can be called again with the same id.
# args: id
# out:  as of job-poll
param($a)
# include: lib-boot
# include: lib-folder
# include: lib-job
# include: lib-job-status

$folder = Get-LrunJobFolder $a.id
$jobs = Join-Path -Path (Get-LrunRoot) -ChildPath 'jobs'
New-LrunFolder (Get-LrunRoot) $null
New-LrunFolder $jobs $null
if (-not (Test-Path -LiteralPath $folder)) {
    New-LrunFolder $folder $null
}

# The runner of the job makes the same file before it does anything. It can be made once.
if (New-LrunFile (Join-Path -Path $folder -ChildPath 'begun.txt') 'void') {
    $service = Connect-LrunScheduler
    try {
        $task = Get-LrunTask $service $a.id
        if ($null -ne $task) {
            $service.GetFolder('\').DeleteTask('lrun-' + [string]$a.id, 0)
        }
    } catch {
        Write-Warning ('the task of the job stays behind: ' + [string]$_.Exception.Message)
    }
}
Get-LrunJobStatus $a.id 0

# What was withdrawn stays so for a week, in which every call that could hang has come to its end.
$old = [DateTime]::UtcNow.AddDays(-7)
foreach ($other in @(Get-ChildItem -LiteralPath $jobs)) {
    try {
        $file = Join-Path -Path $other.FullName -ChildPath 'begun.txt'
        if ([System.IO.File]::Exists($file) -and [System.IO.File]::GetLastWriteTimeUtc($file) -lt $old -and [System.IO.File]::ReadAllText($file) -ceq 'void') {
            Remove-Item -LiteralPath $other.FullName -Recurse -Force
        }
    } catch {
        continue
    }
}
