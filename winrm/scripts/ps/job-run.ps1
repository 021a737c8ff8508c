# What the scheduled task of a job runs, in the job's own folder. Not a request: nobody listens to its output.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'Continue'
$folder = [Environment]::CurrentDirectory

# include: lib-boot
# include: lib-folder

# Read before the job counts as begun: where it cannot be read, nothing was done.
$boot = Get-LrunBoot

# This file can be made once. Whoever comes second leaves here: a task that was started again, however that came, and one
# that was withdrawn before it began.
if (-not (New-LrunFile (Join-Path -Path $folder -ChildPath 'begun.txt') $boot)) {
    exit 3
}

# A log that cannot be written, on a disk that is full, does not end the work.
$writer = $null
function Write-LrunLog($line) {
    try {
        $writer.WriteLine([string]$line)
    } catch {
        return
    }
}
try {
    $log = [System.IO.File]::Open((Join-Path -Path $folder -ChildPath 'out.log'), 'Append', 'Write', 'ReadWrite')
    $writer = New-Object -TypeName System.IO.StreamWriter -ArgumentList $log
    $writer.AutoFlush = $true
} catch {
    $writer = $null
}

function Write-LrunResult($result) {
    $json = ConvertTo-Json -InputObject $result -Depth 8 -Compress
    Write-LrunFile (Join-Path -Path $folder -ChildPath 'rc.txt') $json
}

$result = $null
try {
    $text = [System.IO.File]::ReadAllText((Join-Path -Path $folder -ChildPath 'request.txt'))
    $request = ConvertFrom-Json ([System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)))
    $block = [ScriptBlock]::Create([string]$request.script)
    $warnings = @()
    $objects = @()
    & $block $request.args 3>&1 4>&1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.WarningRecord]) {
            $warnings += [string]$_
            Write-LrunLog ('WARNING: ' + [string]$_)
        } elseif ($_ -is [System.Management.Automation.VerboseRecord]) {
            Write-LrunLog ([string]$_)
        } else {
            if ($_ -is [string]) {
                Write-LrunLog $_
            }
            $objects += , $_
        }
    }
    $result = @{ ok = $true; out = $objects; warn = $warnings; psv = [string]$PSVersionTable.PSVersion }
} catch {
    Write-LrunLog ('ERROR: ' + [string]$_.Exception.Message)
    $result = @{
        ok  = $false
        out = @()
        err = @{
            msg  = [string]$_.Exception.Message
            type = $_.Exception.GetType().FullName
            id   = [string]$_.FullyQualifiedErrorId
            cat  = [string]$_.CategoryInfo.Category
            pos  = [string]$_.InvocationInfo.PositionMessage
        }
    }
} finally {
    # A script of the runbook's author that says exit takes this one with it, and comes through here.
    if ($null -eq $result) {
        Write-LrunLog 'ERROR: the script left by exit, break or continue'
        $message = 'the script left by exit, break or continue; it has to come to its end, or to throw'
        Write-LrunResult @{ ok = $false; out = @(); err = @{ msg = $message; type = ''; id = 'LrunExit'; cat = ''; pos = '' } }
    }
}

# Out of reach of the catch above: work that was done and whose result cannot be written is in doubt, and has not failed.
Write-LrunResult $result
if ($result.ok) {
    exit 0
}
exit 1
