# Leaves a nonce that the next boot erases, and tells the time of the last one. Both together prove a reboot later:
# the time alone can be moved by a clock, the nonce alone by a hand.
# args: nonce
# out:  boot, nonce
param($a)
# include: lib-boot
if (-not [string]$a.nonce) {
    throw 'no nonce is given'
}
Set-LrunBootNonce $a.nonce
@{ boot = Get-LrunBoot; nonce = Get-LrunBootNonce }
