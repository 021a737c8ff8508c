# What one server looks like now. Reads only.
# args: activity (bool) also reads the activity level of each service, which takes longer
#       ports    (list of int) tries a new connection to each
#       jobs     (bool) also lists the jobs that are going, but for those that only read
# out:  fqdn, now, boot, bootNonce, pending, services, servicesError, activityError,
#       versions, versionsError, ports, jobs
param($a)
# include: lib-cs
# include: lib-boot
# include: lib-job
# include: lib-pending
# include: lib-version

function Test-LrunPort($port) {
    $addresses = @('127.0.0.1')
    foreach ($card in @([System.Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces())) {
        foreach ($unicast in @($card.GetIPProperties().UnicastAddresses)) {
            if ($unicast.Address.AddressFamily.ToString() -eq 'InterNetwork') {
                $addresses += $unicast.Address.ToString()
            }
        }
    }
    foreach ($address in $addresses) {
        $ip = [System.Net.IPAddress]::Parse($address)
        $client = New-Object -TypeName System.Net.Sockets.TcpClient -ArgumentList $ip.AddressFamily
        try {
            $wait = $client.BeginConnect($ip, [int]$port, $null, $null)
            if ($wait.AsyncWaitHandle.WaitOne(3000) -and $client.Connected) {
                return $true
            }
        } catch {
            continue
        } finally {
            $client.Close()
        }
    }
    return $false
}

$cs = @{}
$servicesError = ''
$activityError = ''
try {
    $null = Import-LrunModule
    $found = $null
    if ($a.activity) {
        # The activity comes from performance counters, which can be broken on a server that is well otherwise.
        try {
            $found = @(Get-CsWindowsService)
        } catch {
            $activityError = [string]$_.Exception.Message
        }
    }
    if ($null -eq $found) {
        $found = @(Get-CsWindowsService -ExcludeActivityLevel)
    }
    foreach ($s in $found) {
        $cs[[string]$s.Name] = $s
    }
} catch {
    $servicesError = [string]$_.Exception.Message
}

$also = 'FabricHostSvc', 'W3SVC', 'MSSQL$RTCLOCAL', 'MSSQL$LYNCLOCAL', 'MASTER', 'FTA', 'REPLICA', 'LYNCBACKUP'
$services = @()
foreach ($w in @(Get-CimInstance -ClassName Win32_Service)) {
    $name = [string]$w.Name
    $known = $cs.ContainsKey($name)
    if (-not ($known -or $also -contains $name -or $name -like 'RTC*')) {
        continue
    }
    $activity = ''
    $roles = @()
    if ($known) {
        $activity = Get-LrunText $cs[$name] @('ActivityLevel')
        foreach ($role in @($cs[$name].RoleName)) {
            $roles += ConvertTo-LrunText $role
        }
    }
    $services += @{
        name     = $name
        display  = [string]$w.DisplayName
        state    = ([string]$w.State).Replace(' ', '')
        start    = [string]$w.StartMode
        lync     = $known
        activity = $activity
        roles    = $roles
    }
}

$versions = @()
$versionsError = ''
try {
    $versions = @(Get-LrunVersions)
} catch {
    $versionsError = [string]$_.Exception.Message
}

$ports = @()
foreach ($port in @($a.ports)) {
    if ($null -ne $port) {
        $ports += @{ port = [int]$port; accepts = [bool](Test-LrunPort $port) }
    }
}

$jobs = @()
if ($a.jobs) {
    $jobs = @(Get-LrunJobsGoing)
}

# Neither the name nor the addresses are asked of DNS, whose failure must not hide the services.
$network = [System.Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
$fqdn = [string]$network.HostName
if ([string]$network.DomainName) {
    $fqdn = $fqdn + '.' + [string]$network.DomainName
}

@{
    fqdn          = $fqdn
    now           = [DateTime]::UtcNow.ToString('o')
    boot          = Get-LrunBoot
    bootNonce     = Get-LrunBootNonce
    pending       = @(Get-LrunPendingReboot)
    services      = $services
    servicesError = $servicesError
    activityError = $activityError
    versions      = $versions
    versionsError = $versionsError
    ports         = $ports
    jobs          = $jobs
}
