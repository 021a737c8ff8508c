# Restarts Windows, once: only while the nonce of boot-mark is there. It goes at every boot, and no clock moves it.
# args: nonce, message, delay (seconds), run as of stop
# out:  asked (bool), rc (of shutdown.exe; 1190 and 1115 mean that a shutdown is under way already), boot, nonce
param($a)
# include: lib-boot
# include: lib-job
$boot = Get-LrunBoot
$nonce = Get-LrunBootNonce
if (-not $nonce -or $nonce -cne [string]$a.nonce) {
    return @{ asked = $false; rc = -1; boot = $boot; nonce = $nonce }
}
Assert-LrunAlone $a.run ''
$message = [string]$a.message -replace '[^A-Za-z0-9 ._:-]', ' '
if ($message.Length -gt 200) {
    $message = $message.Substring(0, 200)
}
$shutdown = Join-Path -Path $env:SystemRoot -ChildPath 'System32\shutdown.exe'
$ErrorActionPreference = 'Continue'
$null = & $shutdown /r /t ([int]$a.delay) /d p:4:1 /c $message 2>&1
$rc = $LASTEXITCODE
@{ asked = $true; rc = [int]$rc; boot = $boot; nonce = $nonce }
