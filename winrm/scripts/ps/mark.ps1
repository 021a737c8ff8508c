# The mark of a run on a server, by which a second run finds the first. A mark without a heartbeat for ttl seconds is
# dead; time is this server's own clock on both sides.
# args: op (read, write, remove), run, owner (who and where, for people), ttl (seconds)
# out:  held (bool) another run's mark lives here and nothing was changed; run, owner, age (seconds; -1 = no mark)
param($a)
# include: lib-folder

$root = Get-LrunRoot
$path = Join-Path -Path $root -ChildPath 'mark.json'
New-LrunFolder $root $null

function Read-LrunMark {
    if (-not [System.IO.File]::Exists($path)) {
        return $null
    }
    return ConvertFrom-Json ([System.IO.File]::ReadAllText($path))
}

$lock = Open-LrunLock 'mark.lock'
try {
    $mark = Read-LrunMark
    $age = -1
    $held = $false
    if ($null -ne $mark) {
        $at = [DateTime]::Parse([string]$mark.at, [Globalization.CultureInfo]::InvariantCulture, [Globalization.DateTimeStyles]::RoundtripKind)
        $age = [Math]::Max(0, [int]([DateTime]::UtcNow - $at.ToUniversalTime()).TotalSeconds)
        $held = ([string]$mark.run -ne [string]$a.run -and $age -lt [int]$a.ttl)
    }
    if ($a.op -eq 'write' -and -not $held) {
        $mark = @{ run = [string]$a.run; owner = [string]$a.owner; at = [DateTime]::UtcNow.ToString('o') }
        $age = 0
        Write-LrunFile $path (ConvertTo-Json -InputObject $mark -Compress)
    }
    if ($a.op -eq 'remove' -and $null -ne $mark -and [string]$mark.run -eq [string]$a.run) {
        [System.IO.File]::Delete($path)
        $mark = $null
        $age = -1
    }
} finally {
    $lock.Close()
}
$run = ''
$owner = ''
if ($null -ne $mark) {
    $run = [string]$mark.run
    $owner = [string]$mark.owner
}
@{ held = $held; run = $run; owner = $owner; age = $age }
