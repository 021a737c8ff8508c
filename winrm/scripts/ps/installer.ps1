# What the installer on this server is, to be compared between servers. Reads only.
# args: path
# out:  exists, path, local, size, version, sha256
param($a)
# include: lib-hash
Get-LrunInstaller $a.path
