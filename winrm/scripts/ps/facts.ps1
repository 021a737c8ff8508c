# What preflight wants to know of a server beside the survey. Reads only.
# args: none
# out:  now, psv, module, moduleError, user, admin, groups, updates (AUOptions; '' = not set), agents (foreign updaters
#       that run), consoles (open tools that block the installer), freeMB, jobs (that are going, but for those that only read)
param($a)
# include: lib-cs
# include: lib-job
$module = ''
$moduleError = ''
try {
    $module = Import-LrunModule
} catch {
    $moduleError = [string]$_.Exception.Message
}
$identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
$principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $identity
$groups = @()
foreach ($sid in @($identity.Groups)) {
    try {
        $name = $sid.Translate([System.Security.Principal.NTAccount]).Value
    } catch {
        continue
    }
    if ($name -match '\\(RTC|Cs)') {
        $groups += [string]$name
    }
}
$updates = ''
$policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU'
if (Test-Path -LiteralPath $policy) {
    $updates = [string](Get-ItemProperty -LiteralPath $policy).AUOptions
}
$agents = @()
foreach ($service in @(Get-Service -Name 'CcmExec', 'BESClient' -ErrorAction SilentlyContinue)) {
    if ($service.Status.ToString() -eq 'Running') {
        $agents += [string]$service.Name
    }
}
$consoles = @()
foreach ($process in @(Get-Process -Name 'mmc', 'perfmon', 'eventvwr' -ErrorAction SilentlyContinue)) {
    $consoles += [string]$process.ProcessName
}
$drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($env:SystemRoot))
@{
    now         = [DateTime]::UtcNow.ToString('o')
    psv         = [string]$PSVersionTable.PSVersion
    module      = [string]$module
    moduleError = $moduleError
    user        = [string]$identity.Name
    admin       = [bool]$principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
    groups      = $groups
    updates     = $updates
    agents      = $agents
    consoles    = $consoles
    jobs        = @(Get-LrunJobsGoing)
    freeMB      = [long][Math]::Floor($drive.AvailableFreeSpace / 1048576)
}
