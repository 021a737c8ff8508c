# Everybody may create folders below ProgramData, so that ours are made with their own permissions, one that is there
# already is given them, and one that belongs to somebody else is refused.
function New-LrunFolder($path, $account) {
    $owners = @('S-1-5-18', 'S-1-5-32-544')
    $acl = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    $acl.SetAccessRuleProtection($true, $false)
    $who = @()
    foreach ($sid in $owners) {
        $who += New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $sid
    }
    if ($account) {
        $name = New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList ([string]$account)
        $who += $name.Translate([System.Security.Principal.SecurityIdentifier])
    }
    foreach ($sid in $who) {
        $rule = New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $sid, 'FullControl', 'ContainerInherit,ObjectInherit', 'None', 'Allow'
        $acl.AddAccessRule($rule)
    }
    if (-not (Test-Path -LiteralPath $path)) {
        $null = [System.IO.Directory]::CreateDirectory($path, $acl)
    }
    $item = Get-Item -LiteralPath $path -Force
    if (([int]$item.Attributes -band [int][System.IO.FileAttributes]::ReparsePoint) -ne 0) {
        throw "the folder $path is a link"
    }
    $owner = $item.GetAccessControl().GetOwner([System.Security.Principal.SecurityIdentifier]).Value
    $me = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    if ($owners -notcontains $owner -and $owner -ne $me) {
        throw "the folder $path belongs to $owner and not to the administrators"
    }
    # It may have been made by hand, and then everybody may write into it.
    $have = $item.GetAccessControl('Access')
    if (-not $have.AreAccessRulesProtected -or (Get-LrunRules $have) -cne (Get-LrunRules $acl)) {
        $item.SetAccessControl($acl)
    }
}

# Who may do what, as one text to be compared.
function Get-LrunRules($acl) {
    $list = @()
    foreach ($rule in $acl.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])) {
        $parts = $rule.IdentityReference.Value, [int]$rule.AccessControlType, [int]$rule.FileSystemRights, [int]$rule.InheritanceFlags, [int]$rule.PropagationFlags
        $list += $parts -join ' '
    }
    return ($list | Sort-Object) -join ';'
}

function Get-LrunRoot {
    return Join-Path -Path $env:ProgramData -ChildPath 'lrun'
}

# A file beside another one, whole and flushed, to be renamed to it. No two processes write the same.
function Write-LrunBeside($path, $text) {
    $temp = $path + '.' + $PID + '.tmp'
    $bytes = [System.Text.Encoding]::UTF8.GetBytes([string]$text)
    $stream = [System.IO.File]::Open($temp, 'Create', 'Write', 'None')
    try {
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Flush($true)
    } finally {
        $stream.Close()
    }
    return $temp
}

# A file that is whole or absent.
function Write-LrunFile($path, $text) {
    $temp = Write-LrunBeside $path $text
    if ([System.IO.File]::Exists($path)) {
        # A plain $null would become an empty text here.
        [System.IO.File]::Replace($temp, $path, [NullString]::Value)
    } else {
        [System.IO.File]::Move($temp, $path)
    }
}

# A file that can be made once, and is whole as soon as it is there. Tells whether this call has made it.
function New-LrunFile($path, $text) {
    $temp = Write-LrunBeside $path $text
    try {
        [System.IO.File]::Move($temp, $path)
        return $true
    } catch {
        [System.IO.File]::Delete($temp)
        if ([System.IO.File]::Exists($path)) {
            return $false
        }
        throw
    }
}

# What would get in each other's way is put in order by a file that only one can open.
function Open-LrunLock($name) {
    $path = Join-Path -Path (Get-LrunRoot) -ChildPath $name
    $lock = $null
    for ($i = 0; $null -eq $lock; $i++) {
        try {
            $lock = [System.IO.File]::Open($path, 'OpenOrCreate', 'ReadWrite', 'None')
        } catch {
            if ($i -ge 100) {
                throw
            }
            Start-Sleep -Milliseconds 100
        }
    }
    return $lock
}
