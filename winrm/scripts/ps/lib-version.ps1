# The version of each installed component, as a list of @{component; version; source}. Win32_Product is not asked,
# because reading that class makes Windows Installer check and repair every product.
function Get-LrunVersions {
    $list = @()
    if (Get-Command -Name Get-CsServerPatchVersion -ErrorAction SilentlyContinue) {
        foreach ($row in @(Get-CsServerPatchVersion)) {
            $list += @{
                component = Get-LrunText $row @('ComponentName', 'Name')
                version   = Get-LrunText $row @('Version')
                source    = 'Get-CsServerPatchVersion'
            }
        }
        return $list
    }
    $roots = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', 'HKLM:\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall'
    foreach ($root in $roots) {
        if (-not (Test-Path -LiteralPath $root)) {
            continue
        }
        foreach ($key in @(Get-ChildItem -LiteralPath $root)) {
            $name = [string]$key.GetValue('DisplayName', '')
            if ($name -like '*Lync Server*' -or $name -like 'Skype for Business Server*') {
                $list += @{
                    component = $name
                    version   = [string]$key.GetValue('DisplayVersion', '')
                    source    = 'registry'
                }
            }
        }
    }
    return $list
}
