# What a look asks of a pool as a whole: what registrar and mirror tell, each for itself. One process does both, because most
# of the work is to load the product's module. Reads only.
# args: pool
# out:  registrar, mirror: each told (as by the script of its name, nothing where it failed) and error (text)
param($a)
# include: lib-cs
# include: lib-registrar
# include: lib-mirror
$null = Import-LrunModule

$answer = @{
    registrar = @{ told = $null; error = '' }
    mirror    = @{ told = $null; error = '' }
}
# The registrar first: a night stops without it, and the other cmdlet connects to SQL servers that may be gone.
try {
    $answer.registrar.told = Get-LrunRegistrar $a.pool
} catch {
    $answer.registrar.error = [string]$_.Exception.Message
}
try {
    $answer.mirror.told = Get-LrunMirror $a.pool
} catch {
    $answer.mirror.error = [string]$_.Exception.Message
}
$answer
