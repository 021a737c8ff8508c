function Import-LrunModule {
    # 'SkypeForBusiness' since 2015, 'Lync' in 2013. A server upgraded in place can still have both.
    foreach ($name in 'SkypeForBusiness', 'Lync') {
        if (Get-Module -Name $name) {
            return $name
        }
        if (Get-Module -ListAvailable -Name $name) {
            $null = Import-Module -Name $name -DisableNameChecking -WarningAction SilentlyContinue
            return $name
        }
    }
    throw 'this server has neither the Lync nor the SkypeForBusiness module'
}

# The first property that exists under one of the names, in any case of letters; $null where none does.
function Find-LrunProperty($object, $names) {
    if ($null -eq $object) {
        return $null
    }
    foreach ($name in $names) {
        $property = $object.PSObject.Properties[$name]
        if ($null -ne $property) {
            return $property
        }
    }
    return $null
}

# An enum or a number as the text that a person would read, a list with commas; '' for nothing.
function ConvertTo-LrunText($value) {
    if ($null -eq $value) {
        return ''
    }
    if ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
        $parts = @()
        foreach ($part in $value) {
            $parts += ConvertTo-LrunText $part
        }
        return $parts -join ','
    }
    return [string]$value.ToString()
}

function Get-LrunText($object, $names) {
    $property = Find-LrunProperty $object $names
    if ($null -eq $property) {
        return ''
    }
    return ConvertTo-LrunText $property.Value
}

# What an object looks like to a person, for messages about answers that could not be understood.
function Get-LrunView($object) {
    $text = [string]($object | Format-List -Property * | Out-String -Width 200)
    $text = $text.Trim()
    if ($text.Length -gt 4000) {
        $text = $text.Substring(0, 4000)
    }
    return $text
}

# What a cmdlet could not do, as texts, each once: from the variable that -ErrorVariable has filled.
function ConvertTo-LrunProblems($records) {
    $texts = @()
    foreach ($record in @($records)) {
        if ($record -is [System.Management.Automation.ErrorRecord]) {
            $text = [string]$record.Exception.Message
        } else {
            $text = [string]$record
        }
        if ($text -and $texts -notcontains $text) {
            $texts += $text
        }
    }
    return $texts
}
