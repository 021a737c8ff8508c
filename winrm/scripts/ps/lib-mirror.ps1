# Which SQL server is principal for each database of a pool.
function Get-LrunMirror($pool) {
    $databases = @()
    $mirrored = $false
    $mirroring = [bool](Get-Command -Name 'Get-CsDatabaseMirrorState' -ErrorAction SilentlyContinue)
    if ($mirroring) {
        foreach ($row in @(Get-CsDatabaseMirrorState -PoolFqdn ([string]$pool))) {
            if ($null -ne $row) {
                $database = @{
                    name          = Get-LrunText $row @('DatabaseName')
                    primary       = Get-LrunText $row @('StateOnPrimary')
                    mirror        = Get-LrunText $row @('StateOnMirror')
                    statusPrimary = Get-LrunText $row @('MirroringStatusOnPrimary')
                    statusMirror  = Get-LrunText $row @('MirroringStatusOnSecondary', 'MirroringStatusOnMirror')
                }
                $databases += $database
                if ($database.primary -ne 'DatabaseInaccessibleOrMirroringNotEnabled') {
                    $mirrored = $true
                }
            }
        }
    }

    # A pool without a mirror, or with an availability group instead, says of every database what one that is lost says too.
    # Which of the two it is tells the cmdlet that connects to it.
    $stores = @()
    $storesError = ''
    if (-not $mirrored) {
        try {
            foreach ($store in @(Get-CsUserDatabaseState -RegistrarPool ([string]$pool))) {
                if ($null -ne $store) {
                    $stores += @{
                        name   = Get-LrunText $store @('Identity')
                        online = Get-LrunText $store @('Online')
                    }
                }
            }
        } catch {
            $stores = @()
            $storesError = [string]$_.Exception.Message
        }
    }
    return @{
        databases   = $databases
        mirroring   = $mirroring
        stores      = $stores
        storesError = $storesError
    }
}
