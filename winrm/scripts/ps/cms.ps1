# Where the Central Management store is and whether it is alive. Reads only.
# args: replicas (bool) also lists the replicas
# out:  master, agents, stores (pool, active), replicas (fqdn, upToDate), text
param($a)
# include: lib-cs
$null = Import-LrunModule
$status = Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus
$agents = @()
$list = Find-LrunProperty $status @('ActiveFileTransferAgents')
if ($null -ne $list) {
    foreach ($agent in @($list.Value)) {
        if ($null -ne $agent) {
            $agents += ConvertTo-LrunText $agent
        }
    }
}
$stores = @()
foreach ($store in @(Get-CsService -CentralManagement)) {
    if ($null -ne $store) {
        $stores += @{
            pool   = Get-LrunText $store @('PoolFqdn')
            active = Get-LrunText $store @('Active')
        }
    }
}
$replicas = @()
if ($a.replicas) {
    foreach ($replica in @(Get-CsManagementStoreReplicationStatus)) {
        $replicas += @{
            fqdn     = Get-LrunText $replica @('ReplicaFqdn')
            upToDate = Get-LrunText $replica @('UpToDate')
        }
    }
}
@{
    master   = Get-LrunText $status @('ActiveMasterFQDN')
    agents   = $agents
    stores   = $stores
    replicas = $replicas
    text     = Get-LrunView $status
}
