# The state of a pool in its own Registrar configuration.
function Get-LrunRegistrar($pool) {
    # There are settings for all pools, for a site, and for single pools. State belongs to the last, which a pool has only
    # since somebody gave it its own, or since its first failover. To ask for them by name is an error where there are none;
    # to ask for all of them is not.
    $found = @()
    foreach ($object in @(Get-CsRegistrarConfiguration -Filter 'service:*')) {
        if ($null -eq $object) {
            continue
        }
        $identity = Get-LrunText $object @('Identity')
        if ($identity -notmatch '^service:registrar:([^:/]+\.[^:/]+)$') {
            throw "the identity of Registrar settings is not understood: $identity"
        }
        if ($matches[1] -eq [string]$pool) {
            $found += $object
        }
    }
    if ($found.Count -gt 1) {
        throw ('Get-CsRegistrarConfiguration returned ' + $found.Count + ' objects for one pool')
    }
    if ($found.Count -eq 0) {
        return @{ state = 'Active'; text = 'the pool has no Registrar settings of its own: it was never failed over' }
    }
    return @{
        state = Get-LrunText $found[0] @('PoolState')
        text  = Get-LrunView $found[0]
    }
}
