# The pairing of a pool and the state of its backup service, in one direction. Reads only.
# args: pool
# out:  backupPool, relation (text), modules (name, export, import, text), status (text)
param($a)
# include: lib-cs
$null = Import-LrunModule
$pool = [string]$a.pool

$backupPool = ''
$relations = @(Get-CsPoolBackupRelationship -PoolFqdn $pool)
if ($relations.Count -eq 1) {
    $backupPool = Get-LrunText $relations[0] @('BackupPoolFqdn', 'RelatedPoolFqdn', 'BackupPool', 'TargetPoolFqdn')
}

$modules = @()
$statusText = ''
if ($relations.Count -gt 0) {
    $status = Get-CsBackupServiceStatus -PoolFqdn $pool
    $statusText = Get-LrunView $status
    $list = Find-LrunProperty $status @('BackupModules')
    if ($null -ne $list) {
        foreach ($module in @($list.Value)) {
            if ($null -ne $module) {
                $modules += @{
                    name   = Get-LrunText $module @('Name', 'ModuleName', 'BackupModule')
                    export = Get-LrunText $module @('ExportStatus', 'ExportState')
                    import = Get-LrunText $module @('ImportStatus', 'ImportState')
                    text   = ConvertTo-LrunText $module
                }
            }
        }
    }
}
@{
    backupPool = $backupPool
    relation   = Get-LrunView $relations
    modules    = $modules
    status     = $statusText
}
