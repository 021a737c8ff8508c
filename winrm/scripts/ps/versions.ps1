# The versions of the installed components, as one marked line. Not a request: upgrade runs it as a process of its own.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
# include: lib-cs
# include: lib-version
$answer = @{ versions = @(); failure = '' }
try {
    $null = Import-LrunModule
    $answer.versions = @(Get-LrunVersions)
} catch {
    $answer.failure = [string]$_.Exception.Message
}
$json = ConvertTo-Json -InputObject $answer -Depth 4 -Compress
[Console]::Out.WriteLine()
[Console]::Out.WriteLine('LRUNV ' + [Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($json)))
