# Runs the update installer to its end. A job, because it outlives any connection.
# args: path, arguments (one text, given to the installer as it is), sha256 (hex; '' = do not compare)
# out:  exit, before, after (versions), pending, log (the end of what it printed)
param($a)
# include: lib-cs
# include: lib-pending
# include: lib-version
# include: lib-hash

$path = [string]$a.path
$file = Get-LrunInstaller $path
if (-not $file.exists) {
    throw "there is no installer at $path"
}
if (-not $file.local) {
    throw "the installer must be on a local drive, and $path is not"
}
if ([string]$a.sha256 -and $file.sha256 -ne [string]$a.sha256) {
    throw "the installer at $path is not the expected one: its SHA-256 is $($file.sha256)"
}

# The installer leaves its extracted files beside itself, so that it runs in the job's own folder.
$folder = [Environment]::CurrentDirectory
$copy = Join-Path -Path $folder -ChildPath ([System.IO.Path]::GetFileName($path))
Copy-Item -LiteralPath $path -Destination $copy -Force

$null = Import-LrunModule
$before = @(Get-LrunVersions)
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
# The exit code is lost unless the handle has been taken before the process ends.
$null = $process.Handle
$process.WaitForExit()
$code = [int]$process.ExitCode

$log = ''
if ([System.IO.File]::Exists($printed)) {
    $log = [System.IO.File]::ReadAllText($printed)
    if ($log.Length -gt 8000) {
        $log = $log.Substring($log.Length - 8000)
    }
}
$after = @()
try {
    $after = @(Get-LrunVersions)
} catch {
    Write-Warning ('the versions could not be read after the installer: ' + [string]$_.Exception.Message)
}
@{
    exit    = $code
    before  = $before
    after   = $after
    pending = @(Get-LrunPendingReboot)
    log     = $log
}
