# The time of the last boot, UTC, to the tick.
function Get-LrunBoot {
    $os = Get-CimInstance -ClassName Win32_OperatingSystem
    return $os.LastBootUpTime.ToUniversalTime().ToString('o')
}

# A volatile key lives in memory: Windows forgets it at shutdown, whatever happens to the clock.
$lrunBootKey = 'SOFTWARE\lrun.boot'

function Get-LrunBootNonce {
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
    $key = $base.OpenSubKey($lrunBootKey)
    if ($null -eq $key) {
        return ''
    }
    $value = [string]$key.GetValue('nonce', '')
    $key.Close()
    return $value
}

function Set-LrunBootNonce($nonce) {
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
    $options = [Microsoft.Win32.RegistryOptions]::Volatile
    $check = [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree
    $key = $base.CreateSubKey($lrunBootKey, $check, $options)
    $key.SetValue('nonce', [string]$nonce)
    $key.Close()
}
