# What the scheduled task of a job runs, in the job's own folder. Not a request: nobody listens to its output.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'Continue'
$folder = [Environment]::CurrentDirectory

# include: lib-boot
# include: lib-folder

# This file can be created once. Whoever comes second, however the task was started again, leaves here.
try {
    $begun = [System.IO.File]::Open((Join-Path -Path $folder -ChildPath 'begun.txt'), 'CreateNew', 'Write', 'ReadWrite')
} catch {
    exit 3
}
$boot = [System.Text.Encoding]::UTF8.GetBytes((Get-LrunBoot))
$begun.Write($boot, 0, $boot.Length)
$begun.Flush($true)
$begun.Close()

$log = [System.IO.File]::Open((Join-Path -Path $folder -ChildPath 'out.log'), 'Append', 'Write', 'ReadWrite')
$writer = New-Object -TypeName System.IO.StreamWriter -ArgumentList $log
$writer.AutoFlush = $true

function Write-LrunResult($result) {
    $json = ConvertTo-Json -InputObject $result -Depth 8 -Compress
    Write-LrunFile (Join-Path -Path $folder -ChildPath 'rc.txt') $json
}

try {
    $text = [System.IO.File]::ReadAllText((Join-Path -Path $folder -ChildPath 'request.txt'))
    $request = ConvertFrom-Json ([System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)))
    $block = [ScriptBlock]::Create([string]$request.script)
    $warnings = @()
    $objects = @()
    & $block $request.args 3>&1 4>&1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.WarningRecord]) {
            $warnings += [string]$_
            $writer.WriteLine('WARNING: ' + [string]$_)
        } elseif ($_ -is [System.Management.Automation.VerboseRecord]) {
            $writer.WriteLine([string]$_)
        } else {
            if ($_ -is [string]) {
                $writer.WriteLine($_)
            }
            $objects += , $_
        }
    }
    Write-LrunResult @{ ok = $true; out = $objects; warn = $warnings; psv = [string]$PSVersionTable.PSVersion }
    exit 0
} catch {
    $writer.WriteLine('ERROR: ' + [string]$_.Exception.Message)
    Write-LrunResult @{
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
    exit 1
}
