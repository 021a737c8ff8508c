function Read-LrunFile($folder, $name) {
    $path = Join-Path -Path $folder -ChildPath $name
    if (-not [System.IO.File]::Exists($path)) {
        return $null
    }
    # The job may hold the file open for writing at this moment.
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList ([System.IO.File]::Open($path, 'Open', 'Read', 'ReadWrite'))
    try {
        return $reader.ReadToEnd()
    } finally {
        $reader.Close()
    }
}

# How a job stands, with a piece of its log from a byte on.
function Get-LrunJobStatus($id, $from) {
    $folder = Get-LrunJobFolder $id

    # The task is looked at before the files: a job that ends between the two is then seen as ended, and never as one
    # that was interrupted.
    $state = 'none'
    $taskResult = ''
    $service = Connect-LrunScheduler
    $task = Get-LrunTask $service $id
    if ($null -ne $task) {
        $states = 'unknown', 'disabled', 'queued', 'ready', 'running'
        $state = $states[[int]$task.State]
        $taskResult = [string]$task.LastTaskResult
    }

    $boot = Get-LrunBoot
    $begun = Read-LrunFile $folder 'begun.txt'
    $void = ([string]$begun -ceq 'void')
    if ($void) {
        $begun = $null
    }
    $result = Read-LrunFile $folder 'rc.txt'
    $exists = [System.IO.File]::Exists((Join-Path -Path $folder -ChildPath 'request.txt'))

    $log = ''
    $offset = [long]$from
    $size = [long]0
    $path = Join-Path -Path $folder -ChildPath 'out.log'
    if ([System.IO.File]::Exists($path)) {
        $stream = [System.IO.File]::Open($path, 'Open', 'Read', 'ReadWrite')
        try {
            $size = $stream.Length
            if ($offset -lt 0 -or $offset -gt $size) {
                $offset = [long]0
            }
            $null = $stream.Seek($offset, 'Begin')
            $buffer = New-Object -TypeName 'byte[]' -ArgumentList 16384
            $count = $stream.Read($buffer, 0, $buffer.Length)
            $log = [Convert]::ToBase64String($buffer, 0, $count)
            $offset += $count
        } finally {
            $stream.Close()
        }
    }

    return @{
        exists     = $exists
        begun      = ($null -ne $begun)
        void       = $void
        begunBoot  = [string]$begun
        boot       = $boot
        task       = $state
        taskResult = $taskResult
        exit       = [string](Read-LrunFile $folder 'exit.txt')
        done       = ($null -ne $result)
        result     = [string]$result
        log        = $log
        offset     = $offset
        size       = $size
    }
}
