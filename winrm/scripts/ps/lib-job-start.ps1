# Starts a job, or finds it where it has begun, and tells whether it had. $a holds the arguments of job-start.
function Start-LrunJob($a) {
    $folder = Get-LrunJobFolder $a.id
    $account = [string]$a.account
    New-LrunFolder (Get-LrunRoot) $null
    New-LrunFolder (Join-Path -Path (Get-LrunRoot) -ChildPath 'jobs') $null

    # Reading into a folder below one that is closed needs no right to the closed one, so that the account gets its own
    # folder only.
    if ($account -and $account -ne 'SYSTEM') {
        New-LrunFolder $folder $account
    } else {
        New-LrunFolder $folder $null
    }
    $file = Join-Path -Path $folder -ChildPath 'request.txt'
    if ([System.IO.File]::Exists($file)) {
        if ([System.IO.File]::ReadAllText($file) -cne [string]$a.request) {
            throw 'there is another job under this id'
        }
    } else {
        Write-LrunFile (Join-Path -Path $folder -ChildPath 'run.txt') $a.runner
        Write-LrunFile $file $a.request
    }
    foreach ($name in 'begun.txt', 'rc.txt') {
        if ([System.IO.File]::Exists((Join-Path -Path $folder -ChildPath $name))) {
            return $true
        }
    }

    $service = Connect-LrunScheduler
    $task = $service.NewTask(0)
    $task.RegistrationInfo.Description = 'lrun job ' + [string]$a.id
    $task.Settings.ExecutionTimeLimit = 'PT0S'
    $task.Settings.DisallowStartIfOnBatteries = $false
    $task.Settings.StopIfGoingOnBatteries = $false
    $task.Settings.MultipleInstances = 2
    $task.Principal.RunLevel = 1
    $action = $task.Actions.Create(0)
    $action.Path = Join-Path -Path $env:SystemRoot -ChildPath 'System32\WindowsPowerShell\v1.0\powershell.exe'
    $action.Arguments = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' + [string]$a.command
    $action.WorkingDirectory = $folder

    # Logon types: 1 password, 2 S4U (no password and no network), 5 service account.
    $user = $account
    $password = $null
    $logon = 1
    if ($account -eq '') {
        $user = [System.Security.Principal.WindowsIdentity]::GetCurrent().Name
        $logon = 2
    } elseif ($account -eq 'SYSTEM') {
        $logon = 5
    } elseif (-not $account.EndsWith('$')) {
        $password = [string]$a.password
    }
    $registered = $service.GetFolder('\').RegisterTaskDefinition('lrun-' + [string]$a.id, $task, 6, $user, $password, $logon)
    $null = $registered.Run($null)
    return $false
}
