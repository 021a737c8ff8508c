# The reasons for which Windows wants a restart; an empty list where it wants none.
function Get-LrunPendingReboot {
    $reasons = @()
    if (Test-Path -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending') {
        $reasons += 'component servicing'
    }
    if (Test-Path -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired') {
        $reasons += 'Windows Update'
    }
    $manager = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager'
    if ($null -ne $manager.PSObject.Properties['PendingFileRenameOperations']) {
        $files = @($manager.PendingFileRenameOperations | Where-Object { $_ })
        if ($files.Count -gt 0) {
            $reasons += 'files in use to be replaced'
        }
    }
    return $reasons
}
