# Whether this logon reaches other machines, as cmdlets that read the topology must: AD first, then the SQL server
# of the Central Management store. Reads only.
# args: none
# out:  user, ldap, cms, sql (each '' where it works, else what went wrong), server, instance
param($a)
# include: lib-cs

$answer = @{
    user     = [System.Security.Principal.WindowsIdentity]::GetCurrent().Name
    ldap     = ''
    cms      = ''
    sql      = ''
    server   = ''
    instance = ''
}
try {
    $root = New-Object -TypeName System.DirectoryServices.DirectoryEntry -ArgumentList 'LDAP://RootDSE'
    $null = $root.Properties['defaultNamingContext'].Value.ToString()
} catch {
    $answer.ldap = [string]$_.Exception.Message
}
try {
    $null = Import-LrunModule
    $connection = Get-CsManagementConnection
    $answer.server = Get-LrunText $connection @('SqlServer')
    $answer.instance = Get-LrunText $connection @('SqlInstance')
    if (-not $answer.server) {
        throw 'Get-CsManagementConnection names no SQL server'
    }
} catch {
    $answer.cms = [string]$_.Exception.Message
}
if ($answer.server) {
    try {
        $source = $answer.server
        if ($answer.instance) {
            $source = $source + '\' + $answer.instance
        }
        $builder = New-Object -TypeName System.Data.SqlClient.SqlConnectionStringBuilder
        $builder['Data Source'] = $source
        $builder['Integrated Security'] = $true
        $builder['Connect Timeout'] = 10
        $sql = New-Object -TypeName System.Data.SqlClient.SqlConnection -ArgumentList $builder.ConnectionString
        try {
            $sql.Open()
            $command = $sql.CreateCommand()
            $command.CommandText = 'SELECT 1'
            $null = $command.ExecuteScalar()
        } finally {
            $sql.Close()
        }
    } catch {
        $answer.sql = [string]$_.Exception.Message
    }
} else {
    $answer.sql = 'not tried'
}
$answer
