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

# The jobs that are going on this server, but for those that only read: the name of a job that changes something begins
# with that of its run, 16 hexadecimal digits.
function Get-LrunJobsGoing {
    $service = Connect-LrunScheduler
    $list = @()
    foreach ($task in @($service.GetFolder('\').GetTasks(1))) {
        if ([string]$task.Name -cmatch '^lrun-([0-9a-f]{16}-.+)$') {
            $id = $matches[1]
            if ([int]$task.State -eq 4 -or [int]$task.State -eq 2) {
                $list += $id
            }
        }
    }
    return $list
}

# The mark of a run does not live as long as its installer may. So that whatever would disturb a job is refused where the
# job itself is seen: any but those of the run, and but for the one named.
function Assert-LrunAlone($run, $except) {
    foreach ($id in @(Get-LrunJobsGoing)) {
        if ($id -ceq [string]$except -or $id.Substring(0, 16) -ceq [string]$run) {
            continue
        }
        throw "another job is under way on this server, and has to end first: lrun-$id"
    }
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
