function Get-LrunJobFolder($id) {
    if ([string]$id -cnotmatch '^[a-z0-9][a-z0-9-]{0,62}$') {
        throw 'the id of a job is made of a-z, 0-9 and -'
    }
    return Join-Path -Path (Join-Path -Path (Get-LrunRoot) -ChildPath 'jobs') -ChildPath ([string]$id)
}

function Connect-LrunScheduler {
    $service = New-Object -ComObject 'Schedule.Service'
    $null = $service.Connect()
    return $service
}

# The scheduled task of a job, or $null.
function Get-LrunTask($service, $id) {
    foreach ($task in @($service.GetFolder('\').GetTasks(1))) {
        if ($task.Name -eq ('lrun-' + $id)) {
            return $task
        }
    }
    return $null
}
