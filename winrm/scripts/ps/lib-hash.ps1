# Whether a full path is on a fixed drive of this server.
function Test-LrunLocal($full) {
    $root = [System.IO.Path]::GetPathRoot($full)
    if ($root -notmatch '^[A-Za-z]:\\$') {
        return $false
    }
    $drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList $root
    return ($drive.DriveType -eq [System.IO.DriveType]::Fixed)
}

# Size, version and SHA-256 of an installer. Get-FileHash is not in PowerShell 3, and the managed classes are not
# allowed where FIPS is enforced.
function Get-LrunInstaller($path) {
    $full = [System.IO.Path]::GetFullPath([string]$path)
    $local = Test-LrunLocal $full
    if (-not [System.IO.File]::Exists($full)) {
        return @{ exists = $false; path = $full; local = $local; size = [long]0; version = ''; sha256 = '' }
    }
    $hash = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
    $stream = [System.IO.File]::Open($full, 'Open', 'Read', 'Read')
    try {
        $size = $stream.Length
        $sum = [BitConverter]::ToString($hash.ComputeHash($stream)).Replace('-', '').ToLowerInvariant()
    } finally {
        $stream.Close()
    }
    $info = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($full)
    return @{ exists = $true; path = $full; local = $local; size = [long]$size; version = [string]$info.FileVersion; sha256 = $sum }
}
