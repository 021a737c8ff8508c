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
    if (-not [string]$a.guard) {
        return Register-LrunJob $a $folder
    }
    # Of two that start at once each must see the other's task.
    $lock = Open-LrunLock 'jobs.lock'
    try {
        return Register-LrunJob $a $folder
    } finally {
        $lock.Close()
    }
}

function Register-LrunJob($a, $folder) {
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

    if ([string]$a.guard -eq 'run') {
        Assert-LrunAlone (([string]$a.id) -replace '-.*$', '') $a.id
    } elseif ([string]$a.guard) {
        Assert-LrunAlone '' $a.id
    }

    $service = Connect-LrunScheduler
    $task = $service.NewTask(0)
    $task.RegistrationInfo.Description = 'lrun job ' + [string]$a.id
    $task.Settings.ExecutionTimeLimit = 'PT0S'
    $task.Settings.DisallowStartIfOnBatteries = $false
    $task.Settings.StopIfGoingOnBatteries = $false
    $task.Settings.MultipleInstances = 2
    # The default of 7 is for the background: less of the processor, and last in line at the disk.
    $task.Settings.Priority = 5
    $task.Principal.RunLevel = 1
    $action = $task.Actions.Create(0)
    $action.Path = Join-Path -Path $env:SystemRoot -ChildPath 'System32\WindowsPowerShell\v1.0\powershell.exe'
    $action.Arguments = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' + [string]$a.command
    $action.WorkingDirectory = $folder

    # Logon types: 1 password, 2 S4U (no password and no network), 5 service account.
    # The password is neither an argument nor the parameter of a function or cmdlet, since Windows can log those: it is the
    # bootstrap's variable, and goes into the one call that needs it.
    $account = [string]$a.account
    $user = $account
    $logon = 1
    if ($account -eq '') {
        $user = [System.Security.Principal.WindowsIdentity]::GetCurrent().Name
        $logon = 2
    } elseif ($account -eq 'SYSTEM') {
        $logon = 5
    }
    if ($logon -ne 1 -or $account.EndsWith('$')) {
        $registered = $service.GetFolder('\').RegisterTaskDefinition('lrun-' + [string]$a.id, $task, 6, $user, $null, $logon)
    } elseif ($null -eq $lrunPassword) {
        throw "no password came for $account"
    } else {
        $registered = $service.GetFolder('\').RegisterTaskDefinition('lrun-' + [string]$a.id, $task, 6, $user, $lrunPassword, $logon)
    }
    $null = $registered.Run($null)
    return $false
}
