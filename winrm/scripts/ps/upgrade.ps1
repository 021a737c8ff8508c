# Runs the update installer to its end. A job, because it outlives any connection.
# args: path, arguments (one text, given to the installer as it is), sha256 (hex; '' = do not compare)
# out:  exit ($null where it could not be told), before, after (versions), pending, log (the end of what it printed)
param($a)
# include: lib-folder
# include: lib-pending
# include: lib-hash
# encoded: versions

# The versions are read by another process. What that loads of the product is let go of before the installer replaces it:
# every window of the Management Shell is to be closed before an update, and a process with its module is nothing else.
function Read-LrunVersions($command) {
    $powershell = Join-Path -Path $env:SystemRoot -ChildPath 'System32\WindowsPowerShell\v1.0\powershell.exe'
    $lines = @(& $powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -InputFormat None -EncodedCommand $command)
    foreach ($line in $lines) {
        if ([string]$line -cmatch '^LRUNV ([A-Za-z0-9+/=]+)\s*$') {
            $answer = ConvertFrom-Json ([System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($matches[1])))
            if ([string]$answer.failure) {
                throw ([string]$answer.failure)
            }
            foreach ($row in @($answer.versions)) {
                if ($null -ne $row) {
                    @{ component = [string]$row.component; version = [string]$row.version; source = [string]$row.source }
                }
            }
            return
        }
    }
    throw 'the process that reads the versions has left no answer'
}

$path = [System.IO.Path]::GetFullPath([string]$a.path)
if (-not (Test-LrunLocal $path)) {
    throw "the installer must be on a local drive, and $path is not"
}
if (-not [System.IO.File]::Exists($path)) {
    throw "there is no installer at $path"
}

# The installer leaves its extracted files beside itself, so that it runs in the job's own folder. There nobody but the
# administrators can write, so that the copy is compared: it is what will run.
$folder = [Environment]::CurrentDirectory
$copy = Join-Path -Path $folder -ChildPath ([System.IO.Path]::GetFileName($path))
[System.IO.File]::Copy($path, $copy, $true)
$file = Get-LrunInstaller $copy
if ([string]$a.sha256 -and $file.sha256 -ne [string]$a.sha256) {
    throw "the installer at $path is not the expected one: its SHA-256 is $($file.sha256)"
}

$before = @(Read-LrunVersions $lrunVersions)
$printed = Join-Path -Path $folder -ChildPath 'installer.log'
$start = @{
    FilePath               = $copy
    WorkingDirectory       = $folder
    PassThru               = $true
    RedirectStandardOutput = $printed
}
if ([string]$a.arguments) {
    $start.ArgumentList = [string]$a.arguments
}
$process = Start-Process @start

# From here on it has begun. Whatever goes wrong beside it is a warning: it must not look as if the installer had failed.
# The exit code is lost unless the handle has been taken before the process ends; one that is not known stays $null, which
# is no number and least of all 0.
$code = $null
try {
    $null = $process.Handle
} catch {
    Write-Warning ('the installer had ended before it could be held: ' + [string]$_.Exception.Message)
}
try {
    $process.WaitForExit()
    if ($null -ne $process.ExitCode) {
        $code = [int]$process.ExitCode
        $null = New-LrunFile (Join-Path -Path $folder -ChildPath 'exit.txt') ([string]$code)
    }
} catch {
    Write-Warning ('the end of the installer could not be kept: ' + [string]$_.Exception.Message)
}

$log = ''
try {
    if ([System.IO.File]::Exists($printed)) {
        # Something that the installer has started may still have it open.
        $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList ([System.IO.File]::Open($printed, 'Open', 'Read', 'ReadWrite'))
        try {
            $log = $reader.ReadToEnd()
        } finally {
            $reader.Close()
        }
        if ($log.Length -gt 8000) {
            $log = $log.Substring($log.Length - 8000)
        }
    }
} catch {
    Write-Warning ('what the installer printed could not be read: ' + [string]$_.Exception.Message)
}
$after = @()
try {
    $after = @(Read-LrunVersions $lrunVersions)
} catch {
    Write-Warning ('the versions could not be read after the installer: ' + [string]$_.Exception.Message)
}
$pending = @()
try {
    $pending = @(Get-LrunPendingReboot)
} catch {
    Write-Warning ('whether Windows waits for a reboot could not be read: ' + [string]$_.Exception.Message)
}
@{
    exit    = $code
    before  = $before
    after   = $after
    pending = $pending
    log     = $log
}
